/**
 * A bucket in memory, written from Amazon's documentation: “Authenticating Requests (AWS Signature Version 4)”, PutObject, GetObject, and
 * “Error responses”. Path-style addresses alone.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface S3Key {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes)
const hmac = (key: Uint8Array | string, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** The signature of a request, by the documented steps. `path` is as it was sent: encoded once. */
export function signatureOf(
  { method, path, query, headers }: { method: string; path: string; query: string; headers: IncomingHttpHeaders },
  {
    signedHeaders,
    scope,
    secretAccessKey,
  }: { signedHeaders: readonly string[]; scope: string; secretAccessKey: string },
): string {
  const [day = '', region = '', service = ''] = scope.split('/')
  const lines = signedHeaders.map(
    (name) =>
      `${name}:${String(headers[name] ?? '')
        .trim()
        .replace(/ +/g, ' ')}\n`,
  )
  const payload = String(headers['x-amz-content-sha256'])
  const canonical = [method, path, query, lines.join(''), signedHeaders.join(';'), payload].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical).digest('hex')].join('\n')
  const key = [region, service, 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${secretAccessKey}`, day))
  return hmac(key, toSign).toString('hex')
}

interface Answer {
  readonly status: number
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

const error = (status: number, code: string): Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`),
})

const SKEW_MS = 900_000

export class S3Server {
  readonly objects = new Map<string, Uint8Array>()
  readonly requests: string[] = []
  /** What it answers instead, for so long as there is something. */
  trouble: 'away' | 'busy' | undefined
  /** Is called once an object is kept, before anybody is told. */
  onKept: () => void = () => {}
  readonly #key: S3Key
  readonly #bucket: string
  readonly #server = createServer((request, response) => {
    if (this.trouble === 'away') {
      request.socket.destroy()
      return
    }
    void this.#answer(request).then(({ status, body, headers }) => response.writeHead(status, headers).end(body))
  })

  constructor(bucket: string, key: S3Key) {
    this.#bucket = bucket
    this.#key = key
  }

  async start(): Promise<string> {
    await new Promise<void>((ready) => this.#server.listen(0, '127.0.0.1', ready))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((closed) => this.#server.close(closed))
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const body = await buffer(request)
    const { method = '', headers, url = '' } = request
    const [path = '', query = ''] = url.split('?')
    this.requests.push(`${method} ${path}`)
    if (this.trouble === 'busy') return error(503, 'SlowDown')
    const refused = this.#refusal({ method, path, query, headers }, body)
    if (refused !== undefined) return refused
    const [bucket, ...rest] = path.slice(1).split('/')
    if (bucket !== this.#bucket) return error(404, 'NoSuchBucket')
    const name = decodeURIComponent(rest.join('/'))
    const known = this.objects.get(name)
    if (method === 'GET') return known === undefined ? error(404, 'NoSuchKey') : { status: 200, body: known }
    if (method !== 'PUT') return error(405, 'MethodNotAllowed')
    if (headers['if-none-match'] === '*' && known !== undefined) return error(412, 'PreconditionFailed')
    const checksum = headers['x-amz-checksum-sha256']
    if (checksum !== undefined && checksum !== sha256(body).digest('base64')) return error(400, 'BadDigest')
    this.objects.set(name, body)
    this.onKept()
    return {
      status: 200,
      body: Buffer.alloc(0),
      headers: { etag: `"${createHash('md5').update(body).digest('hex')}"` },
    }
  }

  #refusal(request: Parameters<typeof signatureOf>[0], body: Uint8Array): Answer | undefined {
    const { headers } = request
    const [, id, scope = '', signed = '', signature = ''] =
      /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
        headers.authorization ?? '',
      ) ?? []
    if (id === undefined) return error(403, 'AccessDenied')
    if (id !== this.#key.accessKeyId) return error(403, 'InvalidAccessKeyId')
    const signedHeaders = signed.split(';')
    const needed = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))]
    if (needed.some((name) => !signedHeaders.includes(name))) return error(403, 'AccessDenied')
    const date = String(headers['x-amz-date'])
    const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
    if (!(Math.abs(Date.now() - at) < SKEW_MS) || !scope.startsWith(date.slice(0, 8)))
      return error(403, 'RequestTimeTooSkewed')
    const right = signatureOf(request, { signedHeaders, scope, secretAccessKey: this.#key.secretAccessKey })
    if (!timingSafeEqual(Buffer.from(right), Buffer.from(signature))) return error(403, 'SignatureDoesNotMatch')
    if (headers['x-amz-content-sha256'] !== sha256(body).digest('hex')) return error(400, 'XAmzContentSHA256Mismatch')
    return undefined
  }
}
