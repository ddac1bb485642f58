import { createSecretKey } from 'node:crypto'
import { z } from 'zod'
import { fail } from '../contract/failures.ts'
import type { DataKey, DataKeys } from '../privacy/data-keys.ts'
import { askGateway, type GatewayAccess } from './gateway.ts'

/** How a client gets data keys. */
export interface KeyAccess extends GatewayAccess {
  /** In which of several workspaces of the token runs are started. */
  readonly workspace?: string
  /** How many keys are kept at hand. Default: 1,000. */
  readonly atHand?: number
}

/** How long a key is used without asking again: one that was destroyed is not used for longer. */
const FRESH_MS = 1_000

const handedKey = z.object({
  keyId: z.string(),
  namespace: z.string(),
  workflowId: z.string().nullable(),
  key: z.base64().refine((text) => Buffer.from(text, 'base64').length === 32, 'is no key'),
})

/**
 * The data keys of one's runs, from a gateway, for a client that has no database:
 * `new Client({ connection, dataConverter: encryptedDataConverter(gatewayDataKeys({ url, token })) })`. Fails with the gateway's own code, and with
 * `keys_unavailable` when it does not answer.
 */
export const gatewayDataKeys = (access: KeyAccess): DataKeys => new HandedKeys(access)

interface Kept {
  readonly key: Promise<DataKey>
  readonly askedAt: number
}

class HandedKeys implements DataKeys {
  readonly #access: KeyAccess
  readonly #kept = new Map<string, Kept>()

  constructor(access: KeyAccess) {
    this.#access = access
  }

  async keyFor(namespace: string, workflowId: string | null): Promise<DataKey> {
    const { workspace } = this.#access
    const ask = { workflowId, ...(workspace === undefined ? {} : { workspace }) }
    // Of no workflow it is a new one each time.
    if (workflowId === null) return await this.#ask(ask, namespace)
    return await this.#once(JSON.stringify([namespace, workflowId]), () => this.#ask(ask, namespace))
  }

  async keyById(keyId: string): Promise<DataKey> {
    return await this.#once(keyId, () => this.#ask({ keyId }))
  }

  /** A worker lets a workflow adopt a key, and no client: this answers what became of it. */
  async adopt(keyId: string): Promise<DataKey> {
    this.#kept.delete(keyId)
    return await this.keyById(keyId)
  }

  hiddenName(): Promise<string> {
    return Promise.reject(fail('keys_unavailable', 'the gateway hides no names: that takes the database'))
  }

  /** What was asked for within the last second, or is being asked for, is not asked for again. */
  async #once(of: string, ask: () => Promise<DataKey>): Promise<DataKey> {
    const known = this.#kept.get(of)
    if (known !== undefined && Date.now() - known.askedAt < FRESH_MS) return await known.key
    const key = ask()
    const kept = { key, askedAt: Date.now() }
    this.#kept.delete(of)
    this.#kept.set(of, kept)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > (this.#access.atHand ?? 1_000) && oldest !== undefined) this.#kept.delete(oldest)
    try {
      return await key
    } catch (error) {
      if (this.#kept.get(of) === kept) this.#kept.delete(of)
      throw error
    }
  }

  async #ask(body: object, namespace?: string): Promise<DataKey> {
    const headers = namespace === undefined ? {} : { 'X-Namespace': namespace }
    const asks = {
      path: '/data-keys',
      headers,
      body,
      named: 'data key',
      answer: handedKey,
      away: 'keys_unavailable',
    } as const
    const { key, ...of } = await askGateway(this.#access, asks)
    return { ...of, key: createSecretKey(Buffer.from(key, 'base64')) }
  }
}
