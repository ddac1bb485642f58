import { AwsClient } from 'aws4fetch'
import { createHash } from 'node:crypto'
import { type BlobStore, StoreError } from './store.ts'

/** A bucket of anything that speaks the protocol of S3. */
export interface S3Settings {
  /** Such as `https://s3.eu-central-1.amazonaws.com`. The bucket goes into the path. */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  /** What names begin with; no slash at either end. */
  readonly prefix: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
  /** Until a request is given up, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes)

/** Keeps blobs in a bucket. The server compares the SHA-256 of what it gets, and replaces nothing (`If-None-Match`). */
export function s3Store(settings: S3Settings): BlobStore {
  const { endpoint, region, bucket, prefix, accessKeyId, secretAccessKey, sessionToken, timeoutMs = 30_000 } = settings
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    service: 's3',
    region,
    // The next sweep tries again.
    retries: 0,
  })
  const urlOf = (name: string): string =>
    [endpoint.replace(/\/$/, ''), bucket, ...(prefix === '' ? [] : prefix.split('/')), ...name.split('/')]
      .map((part, at) => (at === 0 ? part : encodeURIComponent(part)))
      .join('/')
  const ask = async (name: string, init: RequestInit): Promise<Response> => {
    try {
      return await client.fetch(urlOf(name), { ...init, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
    } catch (error) {
      const { cause, name: kind } = error as Error & { readonly cause?: { readonly code?: string } }
      throw new StoreError(`the bucket did not answer: ${cause?.code ?? kind}`, { cause: error })
    }
  }
  return {
    url: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    async put(name, bytes) {
      const response = await ask(name, {
        method: 'PUT',
        body: bytes as Uint8Array<ArrayBuffer>,
        headers: {
          'content-type': 'application/json',
          'if-none-match': '*',
          'x-amz-checksum-sha256': sha256(bytes).digest('base64'),
          'x-amz-content-sha256': sha256(bytes).digest('hex'),
        },
      })
      if (response.ok) {
        await response.body?.cancel()
        return 'written'
      }
      if (response.status === 412) {
        await response.body?.cancel()
        return 'there'
      }
      throw await refused(response)
    },
    async get(name) {
      const response = await ask(name, {
        method: 'GET',
        headers: { 'x-amz-content-sha256': sha256(EMPTY).digest('hex') },
      })
      if (response.status === 404 && (await codeIn(response)) !== 'NoSuchBucket') return undefined
      if (!response.ok) throw await refused(response)
      return new Uint8Array(await response.arrayBuffer())
    },
  }
}

const EMPTY = new Uint8Array()

const refused = async (response: Response): Promise<StoreError> =>
  new StoreError(`the bucket refused: ${response.status} ${(await codeIn(response)) ?? ''}`.trimEnd())

/** The code of an error of S3, such as `AccessDenied`. */
const codeIn = async (response: Response): Promise<string | undefined> =>
  /<Code>(\w{1,64})<\/Code>/.exec(
    await response
      .clone()
      .text()
      .catch(() => ''),
  )?.[1]
