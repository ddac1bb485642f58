import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common'
import proto, { type temporal } from '@temporalio/proto'
import { BULK_MARK } from '../contract/bulk.ts'
import { canonicalJson } from '../contract/digest.ts'
import { codeOf, fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import { decrypt, encrypt } from './cipher.ts'
import type { DataKey, DataKeys, LedgerDataKeys } from './data-keys.ts'
import { FAILURE_MARK } from './hidden-failures.ts'

const PayloadProto = proto.temporal.api.common.v1.Payload
const text = new TextEncoder()

/** The encoding of what is encrypted. A wire name, as are the metadata keys. */
export const ENCRYPTED_ENCODING = 'binary/countersign-encrypted'
/** Metadata: the id of the data key. */
export const KEY_MARK = 'countersign-key'
/** Metadata: `none` where it was encrypted without knowing for which workflow; absent: for that of its key. */
export const BOUND_MARK = 'countersign-bound'

type Loose = temporal.api.common.v1.IPayload

/** Where a payload is. */
export interface Place {
  /** `null`: not known, as in an exported history. */
  readonly namespace: string | null
  /** `null`: not known. */
  readonly workflowId: string | null
}

const ENCRYPTED = Buffer.from(ENCRYPTED_ENCODING)
const UNBOUND = Buffer.from('none')

const textIn = (payload: Loose, name: string): string | undefined => {
  const bytes = payload.metadata?.[name]
  return bytes === undefined ? undefined : Buffer.from(bytes).toString()
}

/** Whether a payload is one of `encryptPayload`. */
export const isEncrypted = ({ metadata }: Loose): boolean => {
  const encoding = metadata?.['encoding']
  return encoding?.length === ENCRYPTED.length && ENCRYPTED.equals(encoding)
}

/** The id of the data key of an encrypted payload. */
export const keyIdOf = (payload: Loose): string | undefined =>
  isEncrypted(payload) ? textIn(payload, KEY_MARK) : undefined

/** What the payloads of a key at hand have in common. */
const marks = new WeakMap<DataKey, Buffer>()
/** The same, unless the key was adopted since. */
const bounds = new WeakMap<DataKey, Buffer>()

function markOf(of: DataKey): Buffer {
  const known = marks.get(of)
  if (known !== undefined) return known
  const mark = Buffer.from(of.keyId)
  marks.set(of, mark)
  return mark
}

function boundTo(of: DataKey, workflowId: string | null): Buffer {
  const known = workflowId === of.workflowId ? bounds.get(of) : undefined
  if (known !== undefined) return known
  const { namespace, keyId } = of
  const bytes = Buffer.from(canonicalJson({ kind: 'payload', v: 1, namespace, workflowId, keyId }))
  if (workflowId === of.workflowId) bounds.set(of, bytes)
  return bytes
}

/** Encrypts a whole payload. What marks it for the blob store stays to be seen. */
export function encryptPayload(dataKey: DataKey, payload: Loose): Payload {
  const { workflowId, key } = dataKey
  const { [BULK_MARK]: mark, [FAILURE_MARK]: _, ...metadata } = payload.metadata ?? {}
  const plain = PayloadProto.encode({ metadata, data: payload.data ?? null }).finish()
  return {
    metadata: {
      encoding: ENCRYPTED,
      [KEY_MARK]: markOf(dataKey),
      ...(workflowId === null ? { [BOUND_MARK]: UNBOUND } : {}),
      ...(mark === undefined ? {} : { [BULK_MARK]: mark }),
    },
    data: encrypt(key, plain, boundTo(dataKey, workflowId)),
  }
}

/**
 * Decrypts a payload that was found somewhere; one that is not encrypted is passed on. Fails with `payload_moved`, `payload_damaged`,
 * and as `keyById` does.
 */
export async function decryptPayload(
  keys: DataKeys,
  payload: Payload,
  place: Place | undefined,
  { adopts = true }: { readonly adopts?: boolean } = {},
): Promise<Payload> {
  if (!isEncrypted(payload)) return payload
  const keyId = textIn(payload, KEY_MARK) ?? ''
  const isBound = textIn(payload, BOUND_MARK) !== 'none'
  let found = await keys.keyById(keyId)
  const namespaceHere = place?.namespace ?? found.namespace
  if (found.namespace !== namespaceHere) {
    throw fail('payload_moved', `it was encrypted in the namespace \`${found.namespace}\`, and found in another`)
  }
  if (place !== undefined && place.workflowId !== null) {
    if (found.workflowId === null && adopts) found = await keys.adopt(keyId, namespaceHere, place.workflowId)
    if (found.workflowId !== place.workflowId && (adopts || found.workflowId !== null))
      throw fail('payload_moved', 'it was encrypted for another workflow')
  }
  const bound = boundTo(found, isBound ? found.workflowId : null)
  const plain = decrypt(found.key, payload.data ?? new Uint8Array(), bound)
  return PayloadProto.decode(plain)
}

/** `''`: the namespace is not known. */
function placeOf(context: SerializationContext | undefined): Place | undefined {
  if (context === undefined) return undefined
  const { namespace, workflowId = null } = context
  return { namespace: namespace === '' ? null : namespace, workflowId }
}

/**
 * Encrypts every payload with the data key of the workflow that it is of; of no workflow, with a key that the first workflow
 * adopts. What cannot be decrypted fails.
 */
export const encryptingCodec = (keys: DataKeys, namespace: string): PayloadCodec => ({
  async encode(payloads, context) {
    if (payloads.length === 0) return payloads
    const place = placeOf(context)
    const key = await keys.keyFor(place?.namespace ?? namespace, place?.workflowId ?? null)
    return payloads.map((payload) => encryptPayload(key, payload))
  },
  decode: (payloads, context) => eachOf(payloads, (payload) => decryptPayload(keys, payload, placeOf(context))),
})

/**
 * As `encryptingCodec`, for a worker, which must be able to say that something failed whatever the keys are up to: what is of a failure and cannot
 * be encrypted is withheld. So is all that is of no workflow: the SDK then tells only of what it could not decode. What comes from outside, a start, a
 * signal, an update, and cannot be decrypted is passed on as it is: no schema takes it, and it must not keep a run from going on.
 * `plain`: summaries that are the same in every run, so that a history shows what its steps are called; they stay as they are.
 */
export function workerCodec(
  keys: LedgerDataKeys,
  namespace: string,
  plain: ReadonlySet<string> = new Set(),
): PayloadCodec {
  const summaries = new Set([...plain].map((summary) => JSON.stringify(summary)))
  const longest = Math.max(0, ...[...summaries].map((summary) => Buffer.byteLength(summary)))
  const isPlain = ({ data, metadata }: Payload): boolean =>
    data != null &&
    data.length <= longest &&
    metadata?.[FAILURE_MARK] === undefined &&
    summaries.has(Buffer.from(data.buffer, data.byteOffset, data.length).toString())
  return {
    async encode(payloads, context) {
      if (context?.workflowId === undefined) return payloads.map(withheld)
      if (payloads.every(isPlain)) return payloads
      try {
        // Whoever looks at what was erased must not have a key made anew.
        const key = await keys.keyUnlessErased(context.namespace || namespace, context.workflowId)
        return payloads.map((payload) => encryptPayload(key, payload))
      } catch (error) {
        if (payloads.every(isOfFailure)) return payloads.map(withheld)
        throw error
      }
    },
    decode: (payloads, context) =>
      eachOf(payloads, async (payload) => {
        try {
          return await decryptPayload(keys, payload, placeOf(context))
        } catch (error) {
          if (context?.type === 'workflow' && canBeMadeUp(error)) return payload
          throw error
        }
      }),
  }
}

const isOfFailure = ({ metadata }: Payload): boolean => metadata?.[FAILURE_MARK] !== undefined

const withheld = (): Payload => jsonPayload({ withheld: true })

/** Whether anybody who can write to a namespace can have it come to this. */
const canBeMadeUp = (error: unknown): boolean => codeOf(error)?.startsWith('payload_') === true

/** What stands in place of something of which the key was destroyed, where it is only read. */
export const ERASED = { erased: true } as const

/** A payload in the clear. */
const jsonPayload = (value: Json): Payload => ({
  metadata: { encoding: text.encode('json/plain') },
  data: text.encode(JSON.stringify(value)),
})

/** Metadata of what only our readers write. */
const ERASED_MARK = 'countersign-erased'

/** What stands in place of something of which the key was destroyed. */
export function erasedPayload(): Payload {
  const payload = jsonPayload({ ...ERASED })
  return { ...payload, metadata: { ...payload.metadata, [ERASED_MARK]: new Uint8Array([1]) } }
}

/** Whether something reads so since its key was destroyed. */
export const isErased = ({ metadata }: Loose): boolean => metadata?.[ERASED_MARK] !== undefined

/** Only reads, and adopts nothing: what was erased reads as `{erased: true}`. Everything else that cannot be decrypted fails. */
export const readingCodec = (keys: DataKeys): PayloadCodec => ({
  encode: () => Promise.reject(new TypeError('a codec that reads does not encode')),
  decode: (payloads, context) =>
    eachOf(payloads, async (payload) => {
      try {
        return await decryptPayload(keys, payload, placeOf(context), { adopts: false })
      } catch (error) {
        if (codeOf(error) === 'payload_erased') return erasedPayload()
        throw error
      }
    }),
})

async function eachOf(payloads: Payload[], turn: (payload: Payload) => Promise<Payload>): Promise<Payload[]> {
  return payloads.some(isEncrypted) ? await Promise.all(payloads.map(turn)) : payloads
}
