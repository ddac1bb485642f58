import { createHash } from 'node:crypto'
import type { Payload, PayloadCodec } from '@temporalio/common'
import proto, { type temporal } from '@temporalio/proto'
import { BULK_ENCODING, BULK_MARK } from '../contract/bulk.ts'
import { z } from 'zod'
import { canonicalJson, type Digest, isDigest } from '../contract/digest.ts'
import { fail } from '../contract/failures.ts'
import { type HostKey, type Verify, verifierOf as verifierWith } from '../identity/host-key.ts'
import { keyIdOf } from '../privacy/codec.ts'
import { findBlob, storeBlob } from './blobs.ts'
import type { LedgerDatabase } from './database.ts'
import { findKey } from './keys.ts'

const PayloadProto = proto.temporal.api.common.v1.Payload
const text = new TextEncoder()

/**
 * Keeps the payload of each `Bulk` in the ledger's database, under its SHA-256, and puts that digest into the history, signed
 * with `key`; reads it back by the digest, and believes only what has it. What no host signed is passed on as it is: anybody
 * with the namespace can send something that looks like it, and it must not keep a run from going on. Fails with
 * `blob_missing` and `blob_altered`: the workflow task is then tried again until the blob is back. Without a key it only reads.
 * Where payloads are encrypted, that codec comes before this one, and what is kept is encrypted.
 */
export function bulkCodec(db: LedgerDatabase, key?: HostKey): PayloadCodec {
  const verifiers = new Map<string, Promise<Verify | undefined>>()
  const verifierOf = (keyId: string): Promise<Verify | undefined> => {
    const known =
      verifiers.get(keyId) ?? findKey(db, keyId).then((pem) => (pem === undefined ? undefined : verifierWith(pem)))
    verifiers.set(keyId, known)
    known.then(
      (found) => found ?? verifiers.delete(keyId),
      () => verifiers.delete(keyId),
    )
    return known
  }
  const kept: KeptBeside = { find: (digest) => findBlob(db, digest), verifierOf }
  return {
    encode: (payloads) => eachOf(payloads, isBulk, (payload) => putAway(db, key, payload)),
    decode: (payloads) => eachOf(payloads, isAway, (payload) => fetched(kept, payload)),
  }
}

/** Where what is kept beside histories is found, and by which keys it is believed that a host put it there. */
export interface KeptBeside {
  readonly find: (digest: Digest) => Promise<Uint8Array | undefined>
  readonly verifierOf: (keyId: string) => Promise<Verify | undefined>
}

/** Reads what a `bulkCodec` put away, wherever it is kept now. Fails as that does. */
export const readBeside = (kept: KeptBeside, payloads: Payload[]): Promise<Payload[]> =>
  eachOf(payloads, isAway, (payload) => fetched(kept, payload))

/** What stands in the history in place of a payload. */
const reference = z.strictObject({
  digest: z.custom<Digest>(isDigest),
  keyId: z.string(),
  signature: z.string(),
})
type Reference = z.output<typeof reference>

const statementOf = (digest: Digest, keyId: string): string => canonicalJson({ kind: 'bulk', v: 1, digest, keyId })

function referenceIn({ data }: Loose): Reference | undefined {
  try {
    return reference.safeParse(JSON.parse(Buffer.from(data ?? []).toString())).data
  } catch {
    return undefined
  }
}

/** Nearly all payloads are neither, and are passed on as they are. */
async function eachOf(
  payloads: Payload[],
  isOne: (payload: Payload) => boolean,
  turn: (payload: Payload) => Promise<Payload>,
): Promise<Payload[]> {
  if (!payloads.some(isOne)) return payloads
  return await Promise.all(payloads.map(async (payload) => (isOne(payload) ? await turn(payload) : payload)))
}

const isBulk = ({ metadata }: Loose): boolean => metadata?.[BULK_MARK] !== undefined
const isAway = ({ metadata }: Loose): boolean => {
  const encoding = metadata?.['encoding']
  return encoding?.length === BULK_ENCODING.length && Buffer.from(encoding).toString() === BULK_ENCODING
}

const digestOf = (content: Uint8Array): Digest => `sha256:${createHash('sha256').update(content).digest('hex')}`

type Loose = temporal.api.common.v1.IPayload

/** What is kept of a payload: all of it but the mark. */
const contentOf = ({ metadata, data }: Loose): Uint8Array => {
  const { [BULK_MARK]: _, ...rest } = metadata ?? {}
  return PayloadProto.encode({ metadata: rest, data: data ?? null }).finish()
}

/** The digest that stands, or is going to stand, in a history for a payload; `undefined` for one that stands there itself. */
export function bulkDigestOf(payload: Loose): string | undefined {
  if (isAway(payload)) return referenceIn(payload)?.digest ?? 'no reference'
  return isBulk(payload) ? digestOf(contentOf(payload)) : undefined
}

async function putAway(db: LedgerDatabase, key: HostKey | undefined, payload: Payload): Promise<Payload> {
  if (key === undefined) throw new TypeError('a codec without a key only reads')
  const content = contentOf(payload)
  const digest = digestOf(content)
  await storeBlob(db, digest, content, keyIdOf(payload) ?? null)
  const { keyId } = key
  const signed: Reference = { digest, keyId, signature: key.sign(statementOf(digest, keyId)) }
  return { metadata: { encoding: text.encode(BULK_ENCODING) }, data: text.encode(JSON.stringify(signed)) }
}

async function fetched({ find, verifierOf }: KeptBeside, payload: Payload): Promise<Payload> {
  const said = referenceIn(payload)
  if (said === undefined) return payload
  const { digest, keyId, signature } = said
  const verifies = await verifierOf(keyId)
  if (verifies === undefined || !verifies(statementOf(digest, keyId), signature)) return payload
  const content = await find(digest)
  if (content === undefined) throw fail('blob_missing', `the history needs the blob \`${digest}\`, which is not there`)
  if (digestOf(content) !== digest) throw fail('blob_altered', `the blob \`${digest}\` is not what it was`)
  return PayloadProto.decode(content)
}
