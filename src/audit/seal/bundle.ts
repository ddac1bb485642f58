import { z } from 'zod'
import { canonicalJson, type Digest, digestOf, isDigest } from '../../contract/digest.ts'
import type { Json } from '../../contract/json.ts'
import { digestOfBytes } from '../record/history-bytes.ts'
import { publishedKeysSchema } from '../record/keys.ts'
import { recordSchema } from '../record/schema.ts'
import type { AuditRecord, Entry, PublishedKeys } from '../record/types.ts'
import { type Envelope, envelopeSchema } from './dsse.ts'
import { type Hash, leafHash } from './merkle.ts'
import { bytesIn } from './note.ts'
import { BOUND, type Bound } from './sealed.ts'

/** Where in the log a bundle is, and what shows that. Hashes are base64. */
export interface LogPlace {
  /** Of its leaf: 0, 1, 2 … */
  readonly index: number
  /** That the leaf is in the tree of `checkpoint`. */
  readonly proof: readonly string[]
  /** A note that the log signed. */
  readonly checkpoint: string
  /** Signature lines of witnesses of that checkpoint. */
  readonly cosignatures: readonly string[]
  /** That `checkpoint` goes on from a smaller tree, or a larger one from it; `null`: nothing of the kind. */
  readonly consistency: { readonly from: number; readonly to: number; readonly proof: readonly string[] } | null
}

/** What is sealed of a run: all that somebody needs who has nothing but public keys and a checkpoint. */
export interface SealedRun {
  readonly v: 1
  readonly kind: 'countersign.bundle'
  readonly record: AuditRecord
  /** The hash of each entry (base64), in order: they tell which one was changed. */
  readonly leaves: readonly string[]
  /** In the order of the record's executions; protobuf, base64. */
  readonly histories: readonly { readonly runId: string; readonly history: string }[]
  /** What is kept beside the histories, by the digest that stands in them; base64. */
  readonly blobs: Readonly<Record<string, string>>
  /** Ids of the data keys that had been destroyed when it was sealed. */
  readonly erased: readonly string[]
  /** The policy of the run; `null`: nobody stored it, or no history tells which it is. */
  readonly policy: { readonly digest: Digest; readonly text: string } | null
  /** Every statement in the histories, each once, in the order of their digests. */
  readonly statements: readonly Json[]
  /** The published keys that the histories name. */
  readonly keys: PublishedKeys
  /** The build of the playbook and of the kernel; `null`: no history tells. */
  readonly build: { readonly id: string; readonly kernel: string } | null
  readonly envelope: Envelope
}

/** One file a run. */
export interface SealedBundle extends SealedRun {
  readonly log: LogPlace
}

const base64 = z.string().refine((text) => bytesIn(text) !== undefined, 'must be base64 in its one form')
const hash = z.string().refine((text) => bytesIn(text)?.length === 32, 'must be a hash in base64')
const count = z.int().min(0)
const digest = z.custom<Digest>(isDigest, 'must be `sha256:` and 64 hex digits')

const schema = z.strictObject({
  v: z.literal(1),
  kind: z.literal('countersign.bundle'),
  record: recordSchema(),
  leaves: z.array(hash),
  histories: z.array(z.strictObject({ runId: z.string(), history: base64 })).min(1),
  blobs: z.record(z.string().refine(isDigest), base64),
  erased: z.array(z.string()),
  policy: z.strictObject({ digest, text: z.string() }).nullable(),
  statements: z.array(z.json()),
  keys: publishedKeysSchema(),
  build: z.strictObject({ id: z.string(), kernel: z.string() }).nullable(),
  envelope: envelopeSchema(),
  log: z.strictObject({
    index: count,
    proof: z.array(hash).max(63),
    checkpoint: z.string(),
    cosignatures: z.array(z.string()),
    consistency: z.strictObject({ from: count, to: count, proof: z.array(hash).max(63) }).nullable(),
  }),
})

/** The hash of an entry, as a leaf of the tree of its record. */
export const entryHash = (entry: Entry): Hash => leafHash(Buffer.from(canonicalJson(entry)))

/** What the log's leaf of an envelope is of: SHA-256 of its canonical JSON. */
export const envelopeDigest = (envelope: Envelope): Digest => digestOf(envelope)

/** The log's leaf of an envelope. */
export const logLeaf = (envelope: Envelope): Hash =>
  leafHash(Buffer.from(envelopeDigest(envelope).slice('sha256:'.length), 'hex'))

/** The digests that a seal binds. */
export const membersOf = (bundle: Pick<SealedRun, Bound>): Readonly<Record<Bound, Digest>> =>
  Object.fromEntries(BOUND.map((name) => [name, digestOfBytes(Buffer.from(canonicalJson(bundle[name])))])) as Record<
    Bound,
    Digest
  >

/** A file that is no bundle, with the place where it stops being one. */
export interface NoBundle {
  readonly ok: false
  /** `byte 17`, or a path such as `record.entries[3].at`. */
  readonly where: string
  readonly why: string
}

/** Larger files are not read: Temporal's own limit of a history is 50 MB, and a run has few. */
const MOST_BYTES = 512 * 1_024 * 1_024

const no = (where: string, why: string): NoBundle => ({ ok: false, where, why })

/**
 * Reads a bundle strictly: it is canonical JSON (RFC 8785) to the byte, has the members that it has to have and no other, and each
 * value has one form. Whether anything in it is true is not looked at.
 */
export function readBundle(bytes: Uint8Array): { readonly ok: true; readonly bundle: SealedBundle } | NoBundle {
  if (bytes.length > MOST_BYTES) return no('the file', `it is larger than ${MOST_BYTES} bytes`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return no('the file', 'it is not UTF-8')
  }
  let json: unknown
  let canonical: string
  try {
    json = JSON.parse(text)
    canonical = canonicalJson(json)
  } catch (error) {
    const at = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1]
    return no(at === undefined ? 'the file' : `byte ${at}`, 'it is not JSON, or was cut')
  }
  if (canonical !== text) return no(`byte ${firstDifference(canonical, text)}`, 'it is not canonical JSON')
  const parsed = schema.safeParse(json)
  if (parsed.success) return { ok: true, bundle: json as SealedBundle }
  const [issue] = parsed.error.issues
  return no(pathOf(issue?.path ?? []), issue?.message ?? 'it is no bundle')
}

function firstDifference(one: string, other: string): number {
  let at = 0
  while (at < one.length && one[at] === other[at]) at += 1
  return Buffer.byteLength(other.slice(0, at))
}

const pathOf = (path: readonly PropertyKey[]): string =>
  path.map((key, at) => (typeof key === 'number' ? `[${key}]` : at === 0 ? String(key) : `.${String(key)}`)).join('') ||
  'the file'

/** The bytes of a bundle. */
export const bundleText = (bundle: SealedBundle): string => canonicalJson(bundle)
