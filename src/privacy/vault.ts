import { z } from 'zod'
import { fail } from '../contract/failures.ts'
import type { MasterKeys, Wrapped } from './master-keys.ts'
import { askVault, type VaultSettings } from './vault-http.ts'

export type { VaultSettings } from './vault-http.ts'

const keyAnswer = z.object({
  data: z.object({
    type: z.string(),
    derived: z.boolean().default(false),
    latest_version: z.number().int().positive(),
  }),
})
const encryptAnswer = z.object({ data: z.object({ ciphertext: z.string() }) })
const decryptAnswer = z.object({ data: z.object({ plaintext: z.string() }) })

/** Kinds of keys that take associated data. */
const AEAD = ['aes128-gcm96', 'aes256-gcm96', 'chacha20-poly1305']

/**
 * Master keys in HashiCorp Vault's transit engine (HTTP API, `/v1/<mount>/encrypt|decrypt|rewrap|keys/<name>`): they never leave it, and its policies and its
 * audit log tell who unwraps. What a data key is of is the `context` of a key that is `derived`, else its `associated_data`. Transit's `rewrap`
 * takes a context and no associated data (hashicorp/vault#29532): without one, a key is decrypted and encrypted to be rewrapped.
 * Fails with `keys_unavailable` where Vault does not answer, is sealed, or says no.
 */
export async function vaultMasterKeys(settings: VaultSettings): Promise<MasterKeys> {
  const keys = new VaultMasterKeys(settings)
  await keys.check()
  return keys
}

class VaultMasterKeys implements MasterKeys {
  readonly #settings: VaultSettings
  readonly #mount: string
  #isDerived = false
  #version = 0

  constructor(settings: VaultSettings) {
    this.#settings = settings
    this.#mount = settings.mount ?? 'transit'
  }

  get currentId(): string {
    return this.#idOf(this.#version)
  }

  /** Reads what the key is like; a version that Vault has made since then is the current one from now on. */
  async check(): Promise<void> {
    const { key } = this.#settings
    const { data } = await this.#ask(`keys/${key}`, undefined, keyAnswer)
    if (!AEAD.includes(data.type)) {
      throw fail(
        'keys_unavailable',
        `the transit key \`${key}\` is of type ${data.type}; it must be ${AEAD.join(' or ')}`,
      )
    }
    this.#isDerived = data.derived
    this.#version = data.latest_version
  }

  async wrap(plain: Uint8Array, bound: string): Promise<Wrapped> {
    const plaintext = Buffer.from(plain).toString('base64')
    return this.#wrapped(
      await this.#ask(`encrypt/${this.#settings.key}`, { plaintext, ...this.#binding(bound) }, encryptAnswer),
    )
  }

  async unwrap(wrapped: Wrapped, bound: string): Promise<Uint8Array> {
    const ciphertext = this.#ciphertextOf(wrapped)
    const { data } = await this.#ask(
      `decrypt/${this.#settings.key}`,
      { ciphertext, ...this.#binding(bound) },
      decryptAnswer,
    )
    return Buffer.from(data.plaintext, 'base64')
  }

  async rewrap(wrapped: Wrapped, bound: string): Promise<Wrapped> {
    if (!this.#isDerived) return await this.wrap(await this.unwrap(wrapped, bound), bound)
    const ciphertext = this.#ciphertextOf(wrapped)
    return this.#wrapped(
      await this.#ask(`rewrap/${this.#settings.key}`, { ciphertext, ...this.#binding(bound) }, encryptAnswer),
    )
  }

  #idOf(version: number): string {
    return `vault:${this.#mount}/${this.#settings.key}:v${version}`
  }

  async #ask<T>(path: string, body: object | undefined, answer: z.ZodType<T>): Promise<T> {
    return await askVault(this.#settings, path, body, answer)
  }

  #binding(bound: string) {
    const base64 = Buffer.from(bound).toString('base64')
    return this.#isDerived ? { context: base64 } : { associated_data: base64 }
  }

  /** `vault:v3:…` tells by which version. */
  #wrapped({ data: { ciphertext } }: z.output<typeof encryptAnswer>): Wrapped {
    const version = Number(/^vault:v(\d+):/.exec(ciphertext)?.[1])
    if (!Number.isSafeInteger(version))
      throw fail('keys_unavailable', 'Vault answered with a ciphertext of another form')
    this.#version = Math.max(this.#version, version)
    return { masterKeyId: this.#idOf(version), bytes: Buffer.from(ciphertext) }
  }

  #ciphertextOf({ masterKeyId, bytes }: Wrapped): string {
    const prefix = `vault:${this.#mount}/${this.#settings.key}:v`
    if (masterKeyId.startsWith(prefix)) return Buffer.from(bytes).toString()
    throw fail('keys_unavailable', `the master key \`${masterKeyId}\` is not among those of this process`)
  }
}
