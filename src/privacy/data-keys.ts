import { createHmac, createSecretKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto'
import { fail, failureOf } from '../contract/failures.ts'
import { textOf } from '../contract/text.ts'
import { databaseFailure, type LedgerDatabase } from '../ledger/database.ts'
import {
  addDataKey,
  adoptDataKey,
  dataKeysById,
  goneKeys,
  isWithoutLiveKey,
  liveIndexKey,
  liveKeyOf,
  replaceWrapped,
  type StoredKey,
  wrappedOtherwise,
} from '../ledger/data-keys.ts'
import { Batch } from './batch.ts'
import type { MasterKeys } from './master-keys.ts'

/** A key that can be used. */
export interface DataKey {
  readonly keyId: string
  readonly namespace: string
  /** `null`: of no workflow yet. */
  readonly workflowId: string | null
  readonly key: KeyObject
}

/**
 * The keys that payloads and columns are encrypted with. Fails with `keys_unavailable` where they are out of reach. Implemented on the
 * database by `ledgerDataKeys`, and without one by a client of the gateway.
 */
export interface DataKeys {
  /** The key of a workflow, made where there is none. Without a workflow: a new one, which the first workflow that decrypts with it adopts. */
  keyFor(namespace: string, workflowId: string | null): Promise<DataKey>
  /** Fails with `payload_key_unknown`, and with `payload_erased` once it was destroyed. */
  keyById(keyId: string): Promise<DataKey>
  /** The key once it belongs to this workflow, or to another one that was faster. */
  adopt(keyId: string, namespace: string, workflowId: string): Promise<DataKey>
  /** A keyed hash (64 hex digits) in place of what would be personal, always the same in one database. */
  hiddenName(value: string): Promise<string>
}

/** What came of wrapping keys anew. */
export interface Rewrapped {
  readonly rewrapped: number
  /** Live keys that are still wrapped by another master key, at most 200: made meanwhile, or no master key here unwraps them. */
  readonly left: number
}

/** The keys of a database. */
export interface LedgerDataKeys extends DataKeys {
  /** As `keyFor`, but once the keys of the workflow were destroyed it fails with `payload_erased`, and no new one is made. */
  keyUnlessErased(namespace: string, workflowId: string): Promise<DataKey>
  /**
   * Wraps every live key that another master key has wrapped by the current one. May be stopped and begun again, and run while runs go on: a
   * data key stays what it is. Fails with `keys_unavailable` once ten in a row could not be.
   */
  rewrap(told?: (done: number) => void): Promise<Rewrapped>
}

/** How long a key that was found is used without asking whether it was destroyed. */
const FRESH_MS = 1_000
/** How long an unwrapped key is kept at most: then the master key is asked again. */
const KEPT_MS = 600_000
/** A key that was used within this time is asked for along with others, at most so many. */
const IN_USE_MS = 2_000
const ASKED_AT_ONCE = 500
/** Keys that a process keeps at hand, at most. */
const AT_HAND = 5_000
/** Keys that may be wrapped anew in vain, one after the other, until it is given up. */
const MOST_FAILED = 10
/** Keys that are wrapped anew between two looks. */
const PAGE = 200

/** What a wrapped key is bound to. */
export const boundOf = ({
  kind,
  namespace,
  workflowId,
}: Pick<StoredKey, 'kind' | 'namespace' | 'workflowId'>): string =>
  kind === 'index' ? 'index' : JSON.stringify([namespace, workflowId])

interface Kept {
  readonly key: DataKey
  /** Made for its workflow, and not adopted: new payloads are encrypted with it. */
  readonly isOwn: boolean
  readonly unwrappedAt: number
  seenAt: number
  usedAt: number
}

const ownerOf = (namespace: string, workflowId: string): string => JSON.stringify([namespace, workflowId])

/** The data keys in a ledger's database, wrapped by these master keys. */
export const ledgerDataKeys = (db: LedgerDatabase, masterKeys: MasterKeys): LedgerDataKeys =>
  new StoredDataKeys(db, masterKeys)

class StoredDataKeys implements LedgerDataKeys {
  readonly #db: LedgerDatabase
  readonly #masterKeys: MasterKeys
  readonly #kept = new Map<string, Kept>()
  /** Key id by owner. */
  readonly #own = new Map<string, string>()
  readonly #found: Batch<string, Kept>
  readonly #gone: Batch<string, boolean>
  readonly #making = new Map<string, Promise<DataKey>>()
  #index: Promise<KeyObject> | undefined

  constructor(db: LedgerDatabase, masterKeys: MasterKeys) {
    this.#db = db
    this.#masterKeys = masterKeys
    this.#found = new Batch((keyIds) => this.#load(keyIds))
    this.#gone = new Batch(async (keyIds) => {
      const askedAt = Date.now()
      // Whatever else is in use is going to be asked for in a moment: one question for all of them.
      const all = [...new Set([...keyIds, ...this.#inUse(askedAt)])]
      const gone = await asked(() => goneKeys(db, all))
      for (const keyId of all) {
        const kept = this.#kept.get(keyId)
        if (kept !== undefined && !gone.has(keyId)) kept.seenAt = Math.max(kept.seenAt, askedAt)
      }
      return (keyId) => gone.has(keyId)
    })
  }

  async keyFor(namespace: string, workflowId: string | null): Promise<DataKey> {
    if (workflowId === null) return await this.#make(namespace, null)
    const owner = ownerOf(namespace, workflowId)
    const keyId = this.#own.get(owner)
    if (keyId !== undefined) {
      const kept = this.#fresh(keyId) ?? (await this.#atHand(keyId))
      if (kept !== undefined) return kept.key
    }
    const making = this.#making.get(owner) ?? this.#findOrMake(namespace, workflowId)
    this.#making.set(owner, making)
    try {
      return await making
    } finally {
      this.#making.delete(owner)
    }
  }

  async keyUnlessErased(namespace: string, workflowId: string): Promise<DataKey> {
    const isAtHand = this.#own.has(ownerOf(namespace, workflowId))
    if (!isAtHand && (await asked(() => isWithoutLiveKey(this.#db, namespace, workflowId))))
      throw fail('payload_erased', 'the data keys of this workflow were destroyed')
    return await this.keyFor(namespace, workflowId)
  }

  async keyById(keyId: string): Promise<DataKey> {
    const fresh = this.#fresh(keyId)
    if (fresh !== undefined) return fresh.key
    const kept = await this.#current(keyId)
    return (kept ?? (await this.#found.get(keyId))).key
  }

  async adopt(keyId: string, namespace: string, workflowId: string): Promise<DataKey> {
    const known = await this.keyById(keyId)
    if (known.workflowId !== null) return known
    // Bound to no workflow when it was wrapped: bound anew with the row.
    await asked(() => adoptDataKey(this.#db, keyId, namespace, workflowId))
    this.#forget(keyId)
    return await this.keyById(keyId)
  }

  async hiddenName(value: string): Promise<string> {
    const index = this.#index ?? this.#findIndex()
    this.#index = index
    try {
      return createHmac('sha256', await index)
        .update(value)
        .digest('hex')
    } catch (error) {
      this.#index = undefined
      throw error
    }
  }

  async rewrap(told: (done: number) => void = () => {}): Promise<Rewrapped> {
    const masterKeys = this.#masterKeys
    let rewrapped = 0
    let failedInARow = 0
    let after = ''
    for (;;) {
      const page = await asked(() => wrappedOtherwise(this.#db, masterKeys.currentId, after, PAGE))
      if (page.length === 0) break
      for (const stored of page) {
        after = stored.keyId
        try {
          if (await this.#rewrapOne(stored)) rewrapped += 1
          failedInARow = 0
        } catch {
          // Those that no master key here unwraps must not keep the others from being wrapped. Where the KMS is away, it says so now.
          failedInARow += 1
          if (failedInARow % MOST_FAILED === 0) await masterKeys.wrap(randomBytes(32), 'index')
        }
      }
      told(rewrapped)
    }
    const left = await asked(() => wrappedOtherwise(this.#db, masterKeys.currentId, '', PAGE))
    return { rewrapped, left: left.length }
  }

  async #rewrapOne(stored: StoredKey): Promise<boolean> {
    if (stored.wrapped === null) return false
    const masterKeys = this.#masterKeys
    const bound = boundIn(stored)
    const wrapped = { masterKeyId: stored.masterKeyId, bytes: stored.wrapped }
    const { masterKeyId, bytes } = masterKeys.rewrap
      ? await masterKeys.rewrap(wrapped, bound)
      : await masterKeys.wrap(await masterKeys.unwrap(wrapped, bound), bound)
    return await asked(() => replaceWrapped(this.#db, stored, { masterKeyId, wrapped: bytes }))
  }

  /** The key at hand, where it was there a moment ago. */
  #fresh(keyId: string): Kept | undefined {
    const kept = this.#kept.get(keyId)
    if (kept === undefined) return undefined
    kept.usedAt = Date.now()
    return kept.usedAt - kept.seenAt < FRESH_MS ? kept : undefined
  }

  /** The key at hand, once it is known that it was not destroyed meanwhile; `undefined`: it is not at hand. */
  async #current(keyId: string): Promise<Kept | undefined> {
    const kept = this.#kept.get(keyId)
    if (kept === undefined) return undefined
    const now = Date.now()
    if (now - kept.unwrappedAt < KEPT_MS && !(await this.#gone.get(keyId))) return kept
    this.#forget(keyId)
    return undefined
  }

  /** Keys that were used a moment ago and are soon to be asked for. */
  *#inUse(now: number): Iterable<string> {
    let left = ASKED_AT_ONCE
    for (const [keyId, { usedAt, seenAt }] of this.#kept) {
      if (now - usedAt > IN_USE_MS || now - seenAt < FRESH_MS / 2) continue
      if (left-- === 0) return
      yield keyId
    }
  }

  /** As `#current`, to encrypt: what nobody can read any more gives nothing away, so a database that is away keeps nobody from it. */
  async #atHand(keyId: string): Promise<Kept | undefined> {
    const kept = this.#kept.get(keyId)
    try {
      return await this.#current(keyId)
    } catch {
      return kept
    }
  }

  async #findOrMake(namespace: string, workflowId: string): Promise<DataKey> {
    const stored = await asked(() => liveKeyOf(this.#db, namespace, workflowId))
    return stored === undefined ? await this.#make(namespace, workflowId) : (await this.#keep(stored)).key
  }

  async #make(namespace: string, workflowId: string | null): Promise<DataKey> {
    const bytes = randomBytes(32)
    const keyId = randomUUID()
    const bound = boundOf({ kind: 'run', namespace, workflowId })
    const { masterKeyId, bytes: wrapped } = await this.#masterKeys.wrap(bytes, bound)
    const made = { keyId, namespace, workflowId, kind: 'run', masterKeyId, wrapped } as const
    if (await asked(() => addDataKey(this.#db, made))) {
      const now = Date.now()
      const key = { keyId, namespace, workflowId, key: createSecretKey(bytes) }
      this.#remember({ key, isOwn: workflowId !== null, unwrappedAt: now, seenAt: now, usedAt: now })
      return key
    }
    // Another process was faster.
    const stored = await asked(() => liveKeyOf(this.#db, namespace, workflowId ?? ''))
    if (stored === undefined) throw fail('keys_unavailable', 'the data key of this workflow is just being destroyed')
    return (await this.#keep(stored)).key
  }

  async #load(keyIds: readonly string[]): Promise<(keyId: string) => Promise<Kept>> {
    const stored = new Map((await asked(() => dataKeysById(this.#db, keyIds))).map((one) => [one.keyId, one]))
    return async (keyId) => {
      const found = stored.get(keyId)
      if (found === undefined || found.kind !== 'run') {
        throw fail('payload_key_unknown', `the database has no data key \`${keyId}\``)
      }
      return await this.#keep(found)
    }
  }

  async #keep(stored: StoredKey): Promise<Kept> {
    const { keyId, namespace, workflowId } = stored
    const seenAt = Date.now()
    const key = { keyId, namespace, workflowId, key: await this.#unwrap(stored) }
    const kept = {
      key,
      isOwn: workflowId !== null && stored.adoptedAt === null,
      unwrappedAt: seenAt,
      seenAt,
      usedAt: seenAt,
    }
    this.#remember(kept)
    return kept
  }

  async #unwrap(stored: StoredKey): Promise<KeyObject> {
    const { keyId, masterKeyId, wrapped } = stored
    if (wrapped === null) {
      throw fail('payload_erased', `the data key \`${keyId}\` was destroyed: ${stored.destroyedWhy ?? ''}`, {
        destroyedAt: stored.destroyedAt?.toISOString() ?? null,
      })
    }
    return createSecretKey(await this.#masterKeys.unwrap({ masterKeyId, bytes: wrapped }, boundIn(stored)))
  }

  async #findIndex(): Promise<KeyObject> {
    for (;;) {
      const stored = await asked(() => liveIndexKey(this.#db))
      if (stored !== undefined) return await this.#unwrap(stored)
      const { masterKeyId, bytes: wrapped } = await this.#masterKeys.wrap(randomBytes(32), 'index')
      const made = {
        keyId: randomUUID(),
        namespace: '',
        workflowId: null,
        kind: 'index',
        masterKeyId,
        wrapped,
      } as const
      // Of two that are made at once one is stored, and both read it.
      await asked(() => addDataKey(this.#db, made))
    }
  }

  #remember(kept: Kept): void {
    const { keyId, namespace, workflowId } = kept.key
    this.#forget(keyId)
    this.#kept.set(keyId, kept)
    if (kept.isOwn && workflowId !== null) this.#own.set(ownerOf(namespace, workflowId), keyId)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > AT_HAND && oldest !== undefined) this.#forget(oldest)
  }

  #forget(keyId: string): void {
    const kept = this.#kept.get(keyId)
    if (kept === undefined) return
    this.#kept.delete(keyId)
    const { namespace, workflowId } = kept.key
    if (workflowId === null) return
    const owner = ownerOf(namespace, workflowId)
    if (this.#own.get(owner) === keyId) this.#own.delete(owner)
  }
}

/** What a stored key was bound to when it was wrapped: an adopted one had no workflow then. */
const boundIn = (stored: StoredKey): string =>
  boundOf(stored.adoptedAt === null ? stored : { ...stored, workflowId: null })

/** Asks the database; whatever keeps it from answering is `keys_unavailable`. */
async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    const failure = databaseFailure(error)
    if (failureOf(failure)?.code !== 'database_unavailable') throw error
    throw fail('keys_unavailable', `the database of data keys did not answer: ${textOf(error)}`)
  }
}
