import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common'
import type { temporal } from '@temporalio/proto'
import { BULK_MARK } from '../contract/bulk.ts'
import { codeOf, fail } from '../contract/failures.ts'
import { bulkCodec, bulkDigestOf } from '../ledger/bulk-codec.ts'
import { dataKeysById } from '../ledger/data-keys.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { isEncrypted, keyIdOf, readingCodec } from '../privacy/codec.ts'
import type { DataKeys } from '../privacy/data-keys.ts'
import { shown } from '../privacy/hidden-failures.ts'

type History = temporal.api.history.v1.IHistory
type Loose = temporal.api.common.v1.IPayload

/**
 * Reads what stands in histories: what is kept beside them in the ledger, and what is encrypted. What was erased reads as `{erased: true}`. Without
 * keys, what is encrypted fails with `keys_unavailable`. `beside`: reads what is kept beside histories, where that is not in the ledger.
 */
export function historyCodec(
  db: LedgerDatabase,
  keys: DataKeys | undefined,
  beside: PayloadCodec = bulkCodec(db),
): PayloadCodec {
  const reading = keys === undefined ? undefined : readingCodec(keys)
  return {
    encode: (payloads, context) => beside.encode(payloads, context),
    async decode(payloads, context) {
      const there = await beside.decode(payloads, context)
      if (reading !== undefined) return await reading.decode(there, context)
      // Anybody can send something that looks encrypted; what names a key of ours is.
      const keyIds = there.flatMap((payload) => keyIdOf(payload) ?? [])
      if ((await dataKeysById(db, keyIds)).length === 0) return there
      throw fail('keys_unavailable', 'the history is encrypted, and this process has no master keys')
    },
  }
}

/**
 * A history with what is kept beside it in its place, and decrypted. `codec` is that of `historyCodec`. What is missing, is not what
 * its digest says, or cannot be decrypted, stays as it is: then it says nothing.
 */
export const inFull = (history: History, codec: PayloadCodec): Promise<History> => readHistory(history, codec)

/**
 * A history in full for `replayHistory`, which then needs no codec: with `keys`, what is encrypted is decrypted. What was erased cannot be replayed.
 */
export const replayable = (history: History, db: LedgerDatabase, keys?: DataKeys): Promise<History> =>
  replayableBy(history, historyCodec(db, keys))

/** As `replayable`, of a history that `codec` reads. */
export const replayableBy = (history: History, codec: PayloadCodec): Promise<History> =>
  readHistory(history, {
    ...codec,
    async decode(payloads, context) {
      const there = await codec.decode(payloads, context)
      // Code that is replayed sends it marked, and what is marked is compared by its digest.
      return there.map((payload, at) => (bulkDigestOf(payloads[at] ?? {}) === undefined ? payload : asBulk(payload)))
    },
  })

const asBulk = (payload: Payload): Payload => ({
  ...payload,
  metadata: { ...payload.metadata, [BULK_MARK]: new Uint8Array([1]) },
})

async function readHistory(history: History, codec: PayloadCodec): Promise<History> {
  if (isInFull(history)) return history
  const started = history.events?.[0]?.workflowExecutionStartedEventAttributes
  // In which namespace it is, an exported history does not say.
  const context = { type: 'workflow', namespace: '', workflowId: started?.workflowId ?? '' } as const
  return (await read(history, codec, context)) as History
}

/** Whether nothing is kept beside a history, and nothing in it is encrypted. */
export const isInFull = (history: History): boolean => !someIn(history, isElsewhere)

const isElsewhere = (payload: Loose): boolean => bulkDigestOf(payload) !== undefined || isEncrypted(payload)

const isPayload = (value: object): value is Payload =>
  'metadata' in value &&
  typeof value.metadata === 'object' &&
  value.metadata !== null &&
  'encoding' in value.metadata &&
  value.metadata.encoding instanceof Uint8Array

/** Bytes, and the two halves of a 64-bit number. */
const isLeaf = (value: object): boolean => value instanceof Uint8Array || ('low' in value && 'high' in value)

function someIn(value: unknown, isOne: (payload: Loose) => boolean): boolean {
  if (typeof value !== 'object' || value === null || isLeaf(value)) return false
  if (isPayload(value)) return isOne(value)
  return Object.values(value).some((one) => someIn(one, isOne))
}

async function read(value: unknown, codec: PayloadCodec, context: SerializationContext): Promise<unknown> {
  if (typeof value !== 'object' || value === null || isLeaf(value)) return value
  if (isPayload(value)) return isElsewhere(value) ? await decoded(value, codec, context) : value
  if (Array.isArray(value)) return await Promise.all(value.map((one) => read(one, codec, context)))
  const fields = Object.entries(value).map(async ([name, one]) => [name, await read(one, codec, context)] as const)
  const known = Object.fromEntries(await Promise.all(fields)) as object
  return 'encodedAttributes' in known ? shown(known as temporal.api.failure.v1.IFailure) : known
}

const UNREADABLE = ['blob_missing', 'blob_altered', 'payload_key_unknown', 'payload_moved', 'payload_damaged']

async function decoded(payload: Payload, codec: PayloadCodec, context: SerializationContext): Promise<Payload> {
  try {
    return (await codec.decode([payload], context))[0] ?? payload
  } catch (error) {
    if (UNREADABLE.includes(codeOf(error) ?? '')) return payload
    throw error
  }
}
