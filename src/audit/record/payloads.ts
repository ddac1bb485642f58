import type { temporal } from '@temporalio/proto'
import { BULK_ENCODING } from '../../contract/bulk.ts'
import { type Digest, digestOf } from '../../contract/digest.ts'
import { type Json, type JsonObject, plain } from '../../contract/json.ts'
import { bulkDigestOf } from '../../ledger/bulk-codec.ts'
import { isErased } from '../../privacy/codec.ts'
import { saidIn } from '../fields.ts'
import type { Proof } from './types.ts'

type Payloads = temporal.api.common.v1.IPayloads | null | undefined

/** What stands in a place of a history. */
export interface Read {
  /** As it can be digested; `null` where it cannot be read. */
  readonly json: Json
  /** To the letter: what a signature is over. */
  readonly exact: Json
  /** Why it cannot be read; `null`: it can. */
  readonly veil: Veil | null
  /** The digests of what is kept beside the history, and was not put in its place. */
  readonly beside: readonly string[]
}

/** `sealed`: encrypted, kept beside the history, or in an encoding that is not ours; `erased`: its key was destroyed. */
export type Veil = Extract<Proof, 'sealed' | 'erased'>

const OURS: ReadonlySet<string> = new Set(['json/plain', 'binary/null'])

/** Reads what stands in a place of a history. Whoever sends it may write anything, and nothing of it throws. */
export function readIn(payloads: Payloads): Read {
  const all = payloads?.payloads ?? []
  const veiled = (veil: Veil): Read => ({ json: null, exact: null, veil, beside: besideIn(all) })
  if (all.some(isErased)) return veiled('erased')
  const encodings = all.map(({ metadata }) => Buffer.from(metadata?.['encoding'] ?? []).toString())
  if (encodings.some((encoding) => !OURS.has(encoding))) return veiled('sealed')
  const exact = saidIn(payloads)
  return { json: canonical(exact), exact, veil: null, beside: [] }
}

const besideIn = (payloads: readonly temporal.api.common.v1.IPayload[]): readonly string[] =>
  payloads
    .filter(({ metadata }) => Buffer.from(metadata?.['encoding'] ?? []).toString() === BULK_ENCODING)
    .flatMap((payload) => bulkDigestOf(payload) ?? [])

/** What an entry says of what cannot be read. */
export const veiledSays = ({ veil, beside }: Pick<Read, 'veil' | 'beside'>): JsonObject => ({
  payload: veil,
  ...(beside.length === 0 ? {} : { beside }),
})

/** The deepest nesting that is read: canonical JSON is written by recursion. */
const DEEPEST = 200

/** A value as it can be digested; `null` for one that is nested too deeply. */
function canonical(value: Json): Json {
  return isDeeper(value, DEEPEST) ? null : plain(value)
}

function isDeeper(value: Json, most: number): boolean {
  let level: readonly Json[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > most) return true
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
  return false
}

/** The most characters of JSON that an entry repeats of one value: the rest is in the history. */
const MOST_REPEATED = 8_000

/** A value as an entry has it: one that is large by its digest. */
export function held(value: Json | undefined): Json {
  if (value === undefined) return null
  const characters = JSON.stringify(value).length
  return characters <= MOST_REPEATED ? value : { omitted: { digest: digestOf(value), characters } }
}

/** The digest of a value as it stands; `null` for one of which none can be taken. */
export function digestIn(value: Json): Digest | null {
  try {
    return digestOf(value)
  } catch {
    return null
  }
}
