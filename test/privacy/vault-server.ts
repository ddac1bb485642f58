import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { AddressInfo } from 'node:net'

/**
 * A Vault with one transit engine, as HashiCorp's documentation of the HTTP API has it (`/v1/<mount>/keys|encrypt|decrypt|rewrap/<name>`, status
 * codes, `{"errors": […]}`). It encrypts for real.
 */
export interface TestVault {
  readonly address: string
  /** Every request after the first slash, such as `POST transit/encrypt/payloads`, with its body. */
  readonly requests: readonly {
    readonly what: string
    readonly body: string
    readonly headers: IncomingMessage['headers']
  }[]
  makeKey(name: string, options?: { readonly derived?: boolean; readonly type?: string }): void
  rotate(name: string): void
  /** Versions before this one decrypt nothing any more. */
  setMinDecryptionVersion(name: string, version: number): void
  /** The only token that is taken from now on. */
  setToken(token: string): void
  setSealed(sealed: boolean): void
  /** Whatever is asked next is answered so; `hang`: not at all; `undefined`: as usual. */
  answerWith(
    answer: { readonly status: number; readonly body: string; readonly location?: string } | 'hang' | undefined,
  ): void
  stop(): Promise<void>
}

interface Key {
  readonly type: string
  readonly derived: boolean
  readonly versions: Buffer[]
  minDecryptionVersion: number
}

class Refused extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const NONCE = 12
const TAG = 16

export async function startVault(): Promise<TestVault> {
  const keys = new Map<string, Key>()
  const requests: { what: string; body: string; headers: IncomingMessage['headers'] }[] = []
  let token = 'token-1'
  let isSealed = false
  let instead: Parameters<TestVault['answerWith']>[0]

  /** A derived key has another one for each context. */
  const keyOf = (key: Key, version: number, context: string | undefined): Buffer => {
    const bytes = key.versions[version - 1]
    if (bytes === undefined) throw new Refused(400, 'invalid ciphertext: version is too new')
    if (!key.derived) return bytes
    if (context === undefined)
      throw new Refused(400, "missing 'context' for key derivation; the key was created using a derived key")
    return createHmac('sha256', bytes).update(Buffer.from(context, 'base64')).digest()
  }
  const encrypted = (key: Key, plaintext: string, { context, associated_data: bound = '' }: Body): string => {
    const version = key.versions.length
    const nonce = randomBytes(NONCE)
    const cipher = createCipheriv('aes-256-gcm', keyOf(key, version, context), nonce)
    cipher.setAAD(Buffer.from(bound, 'base64'))
    const bytes = Buffer.concat([nonce, cipher.update(plaintext, 'base64'), cipher.final(), cipher.getAuthTag()])
    return `vault:v${version}:${bytes.toString('base64')}`
  }
  const decrypted = (key: Key, { ciphertext = '', context, associated_data: bound = '' }: Body): string => {
    const [, version, base64] = /^vault:v(\d+):(.+)$/.exec(ciphertext) ?? []
    if (base64 === undefined) throw new Refused(400, 'invalid ciphertext: no prefix')
    if (Number(version) < key.minDecryptionVersion)
      throw new Refused(400, 'ciphertext or signature version is disallowed by policy (too old)')
    const bytes = Buffer.from(base64, 'base64')
    const cipher = createDecipheriv('aes-256-gcm', keyOf(key, Number(version), context), bytes.subarray(0, NONCE), {
      authTagLength: TAG,
    })
    cipher.setAAD(Buffer.from(bound, 'base64'))
    cipher.setAuthTag(bytes.subarray(-TAG))
    try {
      return Buffer.concat([cipher.update(bytes.subarray(NONCE, -TAG)), cipher.final()]).toString('base64')
    } catch {
      throw new Refused(400, 'cipher: message authentication failed')
    }
  }

  interface Body {
    readonly plaintext?: string
    readonly ciphertext?: string
    readonly context?: string
    readonly associated_data?: string
  }
  const answer = (method: string, path: string, body: Body): object => {
    const [, mount, operation = '', name = ''] = /^\/v1\/(\w+)\/(\w+)\/([\w.-]+)$/.exec(path) ?? []
    if (mount !== 'transit') throw new Refused(404, `no handler for route "${path.slice(4)}". route entry not found.`)
    const key = keys.get(name)
    if (key === undefined)
      throw operation === 'keys' ? new Refused(404, '') : new Refused(400, 'encryption key not found')
    if (operation === 'keys' && method === 'GET') {
      const { type, derived, versions, minDecryptionVersion } = key
      return { name, type, derived, latest_version: versions.length, min_decryption_version: minDecryptionVersion }
    }
    if (method !== 'POST') throw new Refused(405, 'unsupported operation')
    if (operation === 'encrypt') {
      return { ciphertext: encrypted(key, body.plaintext ?? '', body), key_version: key.versions.length }
    }
    if (operation === 'decrypt') return { plaintext: decrypted(key, body) }
    if (operation === 'rewrap') {
      // It takes a context and no associated data (hashicorp/vault#29532).
      const { ciphertext = '', context } = body
      const of = { ciphertext, ...(context !== undefined && { context }) }
      return { ciphertext: encrypted(key, decrypted(key, of), of), key_version: key.versions.length }
    }
    throw new Refused(404, 'unsupported path')
  }

  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request)
      const { method = '', url = '', headers } = request
      requests.push({ what: `${method} ${url.slice('/v1/'.length)}`, body, headers })
      const reply = (status: number, json: string, more = {}) =>
        void response.writeHead(status, { 'content-type': 'application/json', ...more }).end(json)
      if (instead === 'hang') return
      if (instead !== undefined) {
        reply(instead.status, instead.body, instead.location === undefined ? {} : { location: instead.location })
        return
      }
      try {
        if (isSealed) throw new Refused(503, 'Vault is sealed')
        if (headers['x-vault-token'] !== token) throw new Refused(403, 'permission denied')
        const data = answer(method, url, body === '' ? {} : (JSON.parse(body) as Body))
        const envelope = {
          request_id: 'r',
          lease_id: '',
          renewable: false,
          lease_duration: 0,
          warnings: null,
          auth: null,
        }
        reply(200, JSON.stringify({ ...envelope, data }))
      } catch (error) {
        const { status = 500, message } = error as Partial<Refused> & Error
        reply(status, JSON.stringify({ errors: message === '' ? [] : [message] }))
      }
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `http://127.0.0.1:${port}`,
    requests,
    makeKey: (name, { derived = false, type = 'aes256-gcm96' } = {}) =>
      void keys.set(name, { type, derived, versions: [randomBytes(32)], minDecryptionVersion: 1 }),
    rotate: (name) => void keys.get(name)?.versions.push(randomBytes(32)),
    setMinDecryptionVersion(name, version) {
      const key = keys.get(name)
      if (key !== undefined) key.minDecryptionVersion = version
    },
    setToken: (next) => void (token = next),
    setSealed: (sealed) => void (isSealed = sealed),
    answerWith: (next) => void (instead = next),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
