import { z } from 'zod'
import { canonicalJson, type Digest, isDigest } from '../../contract/digest.ts'
import { firstIssue } from '../../contract/issue.ts'
import { recordSchema } from '../record/schema.ts'
import type { AuditRecord } from '../record/types.ts'

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const PREDICATE_TYPE = 'https://countersign.dev/audit-record/v1'

/** The members of a bundle that a seal binds by their digest. */
export const BOUND = ['histories', 'blobs', 'erased', 'policy', 'statements', 'keys', 'build'] as const
export type Bound = (typeof BOUND)[number]

/** An earlier seal of the same run. */
export interface Before {
  /** Its leaf in the log. */
  readonly index: number
  /** SHA-256 of its envelope, which is what the leaf is of. */
  readonly envelope: Digest
}

/** What a seal says of a run. */
export interface Seal {
  /** The record without its entries. */
  readonly record: Omit<AuditRecord, 'entries'>
  /** How many entries it has. */
  readonly entries: number
  /** The root over the entries: 64 hex digits. */
  readonly root: string
  readonly members: Readonly<Record<Bound, Digest>>
  /** ISO 8601, UTC. */
  readonly sealedAt: string
  /** `null`: the run was never sealed before. */
  readonly before: Before | null
}

const hex = z.string().regex(/^[0-9a-f]{64}$/)
const digest = z.custom<Digest>(isDigest, 'must be `sha256:` and 64 hex digits')

const statement = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.strictObject({ name: z.string(), digest: z.strictObject({ sha256: hex }) })]),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.strictObject({
    record: z.custom<Seal['record']>(
      (value) => recordSchema().safeParse({ ...(value as object), entries: [] }).success,
    ),
    entries: z.int().min(0),
    members: z.strictObject(Object.fromEntries(BOUND.map((name) => [name, digest])) as Record<Bound, typeof digest>),
    sealedAt: z.iso.datetime({ precision: 3 }),
    before: z.strictObject({ index: z.int().min(0), envelope: digest }).nullable(),
  }),
})

/** What is signed of a seal: an in-toto statement, as canonical JSON. */
export const sealedText = ({ root, ...predicate }: Seal): string =>
  canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [{ name: predicate.record.runKey, digest: { sha256: root } }],
    predicateType: PREDICATE_TYPE,
    predicate,
  })

/** Reads what `sealedText` wrote. Throws `TypeError` on anything else, in whatever form. */
export function readSealed(payload: Uint8Array): Seal {
  let json: unknown
  const text = Buffer.from(payload).toString()
  try {
    json = JSON.parse(text)
    if (canonicalJson(json) !== text || !Buffer.from(text).equals(Buffer.from(payload)))
      throw new TypeError('not canonical')
  } catch {
    throw new TypeError('the payload is not canonical JSON')
  }
  const parsed = statement.safeParse(json)
  if (!parsed.success) throw new TypeError(`the payload is no seal: ${firstIssue(parsed.error)}`)
  const { subject, predicate } = parsed.data
  const [
    {
      name,
      digest: { sha256: root },
    },
  ] = subject
  if (name !== predicate.record.runKey) throw new TypeError('the payload is no seal: its subject is another run')
  return { ...predicate, root }
}
