import { defaultPayloadConverter } from '@temporalio/common'
import type { google, temporal } from '@temporalio/proto'
import type { Json, JsonObject } from '../contract/json.ts'
import { bulkDigestOf } from '../ledger/bulk-codec.ts'

/**
 * What workflow code sends to Temporal, as far as it says something: the same whether it is read from a history or
 * caught in a replay.
 */
export interface Command {
  readonly kind: 'activity' | 'local activity' | 'timer' | 'search attributes' | 'update' | 'end'
  /**
   * Tells it apart from others of its kind, together with its place among those of the same id: the activity id, the
   * number of a local activity or a timer, the id of an update.
   */
  readonly id: string
  /** The activity type or the update; how the run ended. Empty where it is not known. */
  readonly name: string
  /** The argument of an activity, a timer's milliseconds, the attributes, the answer of an update, the result. */
  readonly says: Json
}

type Payload = temporal.api.common.v1.IPayload

/** What bytes of payloads say: a record is derived by many who read the same ones. */
const known = new WeakMap<Uint8Array, Json>()

/** What is kept beside the history is compared by its digest. */
function valueOf(payload: Payload): Json {
  // A mark for that can stand beside the same bytes.
  const kept = bulkDigestOf(payload)
  if (kept !== undefined) return kept
  const { data } = payload
  const before = data ? known.get(data) : undefined
  if (before !== undefined) return before
  const value = defaultPayloadConverter.fromPayload<Json | undefined>(payload) ?? null
  if (data) known.set(data, value)
  return value
}

/** The one argument, which is all that the kernel calls anything with; else the list of them. */
export function argumentOf(payloads: readonly Payload[] | null | undefined): Json {
  const values = (payloads ?? []).map(valueOf)
  return values.length === 1 ? (values[0] ?? null) : values
}

export function attributesOf(attributes: temporal.api.common.v1.ISearchAttributes | null | undefined): JsonObject {
  const fields = Object.entries(attributes?.indexedFields ?? {})
  return Object.fromEntries(fields.map(([name, payload]) => [name, valueOf(payload)]))
}

/** The message, the code and the details of a failure; stacks hold lines of one build. */
export function failureOf(failure: temporal.api.failure.v1.IFailure | null | undefined): JsonObject {
  const { type, details } = failure?.applicationFailureInfo ?? {}
  return { message: failure?.message ?? '', type: type ?? '', details: argumentOf(details?.payloads) }
}

/** Seconds are a number, or an object of two halves, with or without its methods: it depends on where they come from. */
export function millisecondsOf(duration: google.protobuf.IDuration | null | undefined): number {
  const seconds: unknown = duration?.seconds ?? 0
  const { low, high } = seconds as { readonly low?: number; readonly high?: number }
  const whole = low === undefined ? Number(seconds) : (high ?? 0) * 2 ** 32 + (low >>> 0)
  return whole * 1000 + Math.round((duration?.nanos ?? 0) / 1e6)
}
