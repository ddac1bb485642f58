import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** What a Vault's transit engine does with one key, by its documented HTTP API. */
export interface TestVault {
  readonly address: string
  /** Each request that came: method and path. */
  readonly asked: readonly string[]
  /** A new version of the key, as `transit/keys/:name/rotate` makes one. */
  rotate(): void
  /** Versions below are deleted, as `min_decryption_version` and `trim` have it. */
  trim(least: number): void
  /** From now on it is sealed, or is not. */
  seal(sealed: boolean): void
  /** What it answers to everything; `undefined`: as it should. */
  answer(status: number | undefined, body?: string): void
  close(): Promise<void>
}

export const TOKEN = 'hvs.of-this-test'

type Body = Readonly<Record<string, string | undefined>>

export async function startVault({
  derived = false,
  type = 'aes256-gcm96',
}: { readonly derived?: boolean; readonly type?: string } = {}): Promise<TestVault> {
  const versions = new Map([[1, randomBytes(32)]])
  const asked: string[] = []
  let isSealed = false
  let fixed: { readonly status: number; readonly body: string } | undefined
  const latest = (): number => Math.max(...versions.keys())

  /** The key of a version; of a derived one, by its context. */
  function keyOf(version: number, { context }: Body): Buffer {
    const key = versions.get(version)
    if (key === undefined) throw new Refusal(400, 'ciphertext or signature version is disallowed by policy (too old)')
    if (!derived) return key
    if (context === undefined)
      throw new Refusal(400, "missing 'context' for key derivation; the key was created using a derived key")
    return createHmac('sha256', key).update(Buffer.from(context, 'base64')).digest()
  }
  function encrypt(plaintext: string, body: Body): string {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', keyOf(latest(), body), nonce)
    if (body['associated_data'] !== undefined) cipher.setAAD(Buffer.from(body['associated_data'], 'base64'))
    const sealed = Buffer.concat([
      nonce,
      cipher.update(Buffer.from(plaintext, 'base64')),
      cipher.final(),
      cipher.getAuthTag(),
    ])
    return `vault:v${latest()}:${sealed.toString('base64')}`
  }
  function decrypt(ciphertext: string, body: Body): string {
    const [, version = '', text = ''] = /^vault:v(\d+):(.+)$/.exec(ciphertext) ?? []
    const sealed = Buffer.from(text, 'base64')
    if (sealed.length < 29) throw new Refusal(400, 'invalid ciphertext: wrong number of fields')
    const decipher = createDecipheriv('aes-256-gcm', keyOf(Number(version), body), sealed.subarray(0, 12))
    if (body['associated_data'] !== undefined) decipher.setAAD(Buffer.from(body['associated_data'], 'base64'))
    decipher.setAuthTag(sealed.subarray(-16))
    try {
      return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('base64')
    } catch {
      throw new Refusal(400, 'cipher: message authentication failed')
    }
  }
  async function answerOf(request: IncomingMessage): Promise<object> {
    if (isSealed) throw new Refusal(503, 'Vault is sealed')
    if (request.headers['x-vault-token'] !== TOKEN) throw new Refusal(403, 'permission denied')
    const [, v1, mount, verb = '', key] = (request.url ?? '').split('/')
    if (v1 !== 'v1' || mount !== 'transit') throw new Refusal(404, 'no handler for route')
    // A key that is not there has no error to tell of, and for its use is a wrong request.
    if (key !== 'countersign')
      throw new Refusal(verb === 'keys' ? 404 : 400, verb === 'keys' ? '' : 'encryption key not found')
    if (verb === 'keys') return { type, derived, latest_version: latest() }
    const body = (await json(request)) as Body
    if (verb === 'encrypt') return { ciphertext: encrypt(body['plaintext'] ?? '', body), key_version: latest() }
    if (verb === 'decrypt') return { plaintext: decrypt(body['ciphertext'] ?? '', body) }
    if (verb !== 'rewrap') throw new Refusal(404, 'unsupported path')
    // It knows no associated data.
    const { associated_data: _, ...rest } = body
    return { ciphertext: encrypt(decrypt(rest['ciphertext'] ?? '', rest), rest), key_version: latest() }
  }
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const send = (status: number, body: string) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    if (fixed !== undefined) return send(fixed.status, fixed.body)
    answerOf(request).then(
      (data) => send(200, JSON.stringify({ request_id: 'x', lease_id: '', renewable: false, data })),
      (error: unknown) => {
        const { status = 500, message = '' } = error as Partial<Refusal>
        send(status, JSON.stringify({ errors: message === '' ? [] : [message] }))
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    rotate: () => void versions.set(latest() + 1, randomBytes(32)),
    trim: (least) =>
      [...versions.keys()].filter((version) => version < least).forEach((version) => versions.delete(version)),
    seal: (sealed) => void (isSealed = sealed),
    answer: (status, body = '{}') => void (fixed = status === undefined ? undefined : { status, body }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}
