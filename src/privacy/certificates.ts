import { z } from 'zod'
import { canonicalJson } from '../contract/digest.ts'
import { firstIssue } from '../contract/issue.ts'
import type { HostKey, Verify } from '../identity/host-key.ts'

/** Stands before what is signed, so that nothing else that a key ever signs can be taken for a certificate. */
const DOMAIN = 'countersign-certificate-v1\n'

const count = z.int().min(0)
const time = z.iso.datetime({ precision: 3 })

/** What was done to one run. */
const erasedRun = z.strictObject({
  runKey: z.string(),
  namespace: z.string(),
  erasedAt: time,
  /** Ids of the data keys that were destroyed: what they encrypted, wherever it stands, nobody can read any more. */
  keys: z.array(z.string()),
  /** Digests of the blobs that were deleted. */
  blobs: z.array(z.string()),
  /** Rows by table that were blanked or deleted. */
  rows: z.record(z.string(), count),
  /** `false`: its payloads were never encrypted, so that its history at Temporal stays readable until Temporal deletes it. */
  encrypted: z.boolean(),
})
export type ErasedRun = z.output<typeof erasedRun>

const common = {
  v: z.literal(1),
  at: time,
  runs: z.array(erasedRun),
  /** What this is not a word about. */
  left: z.array(z.string()),
  keyId: z.string(),
}

const unsigned = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    kind: z.literal('erasure'),
    erasure: z.string(),
    /** The keyed hash of who was to be forgotten. */
    subject: z.string(),
    reason: z.string(),
    by: z.string(),
    askedAt: time,
    /** Run keys, and why they wait. */
    waiting: z.array(z.strictObject({ runKey: z.string(), why: z.string() })),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('retention'),
    /** Rows by table that are of no run. */
    rows: z.record(z.string(), count),
  }),
])

/** What a host states of an erasure, or of a sweep of retention. */
export type Unsigned = z.output<typeof unsigned>
export type Certificate = Unsigned & { readonly signature: string }

/** Supports, and does not guarantee: what a backup has, nothing here reaches. */
export const LEFT: readonly string[] = [
  'Backups of the database that are older than this may hold the destroyed keys, wrapped, and the blanked rows. This supports the erasure; it does not reach them.',
  'The business case and the counts of limits stand as keyed hashes, so that what was done once is not done again.',
  'What the effects left in other systems is theirs to erase.',
]

/** Omits `keyId` of each kind on its own, so that the kinds stay apart. */
type WithoutKey<T> = T extends unknown ? Omit<T, 'keyId'> : never

export function signCertificate(key: HostKey, said: WithoutKey<Unsigned>): Certificate {
  const whole = { ...said, keyId: key.keyId } as Unsigned
  return { ...whole, signature: key.sign(DOMAIN + canonicalJson(whole)) }
}

export type ReadCertificate =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly why: string }

const no = (why: string): ReadCertificate => ({ ok: false, why })

/** Reads a certificate and verifies its signature by the published key that it names. */
export async function readCertificate(
  json: unknown,
  verifierOf: (keyId: string) => Promise<Verify | undefined>,
): Promise<ReadCertificate> {
  if (typeof json !== 'object' || json === null || !('signature' in json)) return no('it is no certificate')
  const { signature, ...rest } = json
  const parsed = unsigned.safeParse(rest)
  if (!parsed.success || typeof signature !== 'string') {
    return no(`it is no certificate: ${parsed.success ? 'it is not signed' : firstIssue(parsed.error)}`)
  }
  const verifies = await verifierOf(parsed.data.keyId)
  if (verifies === undefined) return no(`no host published the key \`${parsed.data.keyId}\` in this ledger`)
  if (!verifies(DOMAIN + canonicalJson(parsed.data), signature)) return no('its signature is wrong: it was altered')
  return { ok: true, certificate: { ...parsed.data, signature } }
}
