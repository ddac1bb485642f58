import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import { fail } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import { decrypt, encrypt } from './cipher.ts'

/** A data key as it is stored. */
export interface Wrapped {
  readonly masterKeyId: string
  readonly bytes: Uint8Array
}

/**
 * Wraps data keys: what a KMS does. `bound` says what a data key is of, and has to be the same when it is unwrapped. Every method fails
 * with `keys_unavailable` where the master key is out of reach, or is not the one that wrapped it. Implement it for another KMS.
 */
export interface MasterKeys {
  /** Of the one that wraps from now on; the others unwrap only. */
  readonly currentId: string
  wrap(plain: Uint8Array, bound: string): Promise<Wrapped>
  unwrap(wrapped: Wrapped, bound: string): Promise<Uint8Array>
  /** Wraps anew by the current one, where the KMS can without showing the key. Default: unwrap, then wrap. */
  rewrap?(wrapped: Wrapped, bound: string): Promise<Wrapped>
  /** Says what is wrong with them, for `countersign doctor`; nothing where they can be used. */
  check?(): Promise<void>
}

/** What a master key cannot be used for, or what is wrong with what was given as keys. */
export class MasterKeysError extends Error {
  override readonly name = 'MasterKeysError'
}

const KEY_BYTES = 32

const keysText = z
  .strictObject({
    current: z.string().min(1),
    keys: z.record(z.string().regex(/^[\w.-]{1,100}$/), z.string()),
  })
  .refine(({ current, keys }) => Object.hasOwn(keys, current), 'the current key is not among the keys')

/** Master keys as they are written down: the id of the current one, and 32 bytes each in base64. A secret. */
export interface MasterKeysText {
  readonly current: string
  readonly keys: Readonly<Record<string, string>>
}

/** Reads `{"current": "m-1", "keys": {"m-1": "<32 bytes, base64>"}}`; throws `MasterKeysError`, which quotes no key. */
export function parseMasterKeys(text: string): MasterKeysText {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new MasterKeysError('master keys are not JSON')
  }
  const parsed = keysText.safeParse(json)
  if (!parsed.success) throw new MasterKeysError(`master keys: ${firstIssue(parsed.error)}`)
  for (const [id, key] of Object.entries(parsed.data.keys)) {
    if (Buffer.from(key, 'base64').length !== KEY_BYTES) {
      throw new MasterKeysError(`the master key \`${id}\` is not ${KEY_BYTES} bytes in base64`)
    }
  }
  return parsed.data
}

/** Adds a new master key, current from now on or, with `later`, once somebody says so. */
export function withNewMasterKey(
  known: MasterKeysText | undefined,
  {
    id = `m-${randomBytes(4).toString('hex')}`,
    later = false,
  }: { readonly id?: string; readonly later?: boolean } = {},
): MasterKeysText {
  if (known !== undefined && Object.hasOwn(known.keys, id)) throw new MasterKeysError(`there is a master key \`${id}\``)
  const keys = { ...known?.keys, [id]: randomBytes(KEY_BYTES).toString('base64') }
  return { current: later && known !== undefined ? known.current : id, keys }
}

interface Loaded {
  readonly currentId: string
  readonly keys: ReadonlyMap<string, KeyObject>
}

const loaded = ({ current, keys }: MasterKeysText): Loaded => ({
  currentId: current,
  keys: new Map(Object.entries(keys).map(([id, key]) => [id, createSecretKey(Buffer.from(key, 'base64'))])),
})

/** How often a file is looked at. */
const LOOK_MS = 1_000

class LocalMasterKeys implements MasterKeys {
  readonly #read: (() => Loaded) | undefined
  #known: Loaded

  constructor(known: Loaded, read?: () => Loaded) {
    this.#known = known
    this.#read = read
  }

  get currentId(): string {
    this.#known = this.#read?.() ?? this.#known
    return this.#known.currentId
  }

  async wrap(plain: Uint8Array, bound: string): Promise<Wrapped> {
    const masterKeyId = this.currentId
    return { masterKeyId, bytes: encrypt(this.#key(masterKeyId), plain, placeOf(masterKeyId, bound)) }
  }

  async unwrap({ masterKeyId, bytes }: Wrapped, bound: string): Promise<Uint8Array> {
    const key = this.#key(masterKeyId)
    try {
      return decrypt(key, bytes, placeOf(masterKeyId, bound))
    } catch {
      throw fail(
        'keys_unavailable',
        `the master key \`${masterKeyId}\` here is not the one that wrapped this data key, or it was altered`,
      )
    }
  }

  #key(id: string): KeyObject {
    if (!this.#known.keys.has(id)) this.#known = this.#read?.() ?? this.#known
    const key = this.#known.keys.get(id)
    if (key === undefined) throw fail('keys_unavailable', `the master key \`${id}\` is not among those of this process`)
    return key
  }
}

const placeOf = (masterKeyId: string, bound: string) => ({ kind: 'data-key', v: 1, masterKeyId, bound })

/** Master keys of a text, such as an environment variable. */
export const localMasterKeys = (text: string): MasterKeys => new LocalMasterKeys(loaded(parseMasterKeys(text)))

/**
 * Master keys of a file, which is read again when it has changed. Throws `MasterKeysError` where it cannot be read; later on what was read
 * last goes on counting then.
 */
export function masterKeysFile(file: string): MasterKeys {
  const read = (): Loaded => {
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch (error) {
      throw new MasterKeysError(`\`${file}\` cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
    }
    return loaded(parseMasterKeys(text))
  }
  const stamp = (): string => {
    const { mtimeMs, size, ino } = statSync(file)
    return `${mtimeMs} ${size} ${ino}`
  }
  let known = read()
  let seen = stamp()
  let lookedAt = Date.now()
  return new LocalMasterKeys(known, () => {
    if (Date.now() - lookedAt < LOOK_MS) return known
    lookedAt = Date.now()
    try {
      const now = stamp()
      if (now !== seen) {
        known = read()
        seen = now
      }
    } catch {
      // Half written, or gone for a moment: it is looked at again.
    }
    return known
  })
}
