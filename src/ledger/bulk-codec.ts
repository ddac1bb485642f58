import { createHash } from 'node:crypto'
import type { Payload, PayloadCodec } from '@temporalio/common'
import proto, { type temporal } from '@temporalio/proto'
import { BULK_ENCODING, BULK_MARK } from '../contract/bulk.ts'
import { type Digest, isDigest } from '../contract/digest.ts'
import { fail } from '../contract/failures.ts'
import { findBlob, storeBlob } from './blobs.ts'
import type { LedgerDatabase } from './database.ts'

const PayloadProto = proto.temporal.api.common.v1.Payload
const text = new TextEncoder()

/**
 * Keeps the payload of each `Bulk` in the ledger's database, under its SHA-256, and puts that digest into the history;
 * reads it back by the digest, and believes only what has it. Fails with `blob_missing` and `blob_altered`: the workflow
 * task is then tried again until the blob is back.
 */
export function bulkCodec(db: LedgerDatabase): PayloadCodec {
  return {
    encode: (payloads) => eachOf(payloads, isBulk, (payload) => putAway(db, payload)),
    decode: (payloads) => eachOf(payloads, isAway, (payload) => fetched(db, payload)),
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
  if (isAway(payload)) return Buffer.from(payload.data ?? []).toString()
  return isBulk(payload) ? digestOf(contentOf(payload)) : undefined
}

async function putAway(db: LedgerDatabase, payload: Payload): Promise<Payload> {
  const content = contentOf(payload)
  const digest = digestOf(content)
  await storeBlob(db, digest, content)
  return { metadata: { encoding: text.encode(BULK_ENCODING) }, data: text.encode(digest) }
}

async function fetched(db: LedgerDatabase, { data }: Payload): Promise<Payload> {
  const digest = Buffer.from(data ?? []).toString()
  const content = isDigest(digest) ? await findBlob(db, digest) : undefined
  if (content === undefined) throw fail('blob_missing', `the history needs the blob \`${digest}\`, which is not there`)
  if (digestOf(content) !== digest) throw fail('blob_altered', `the blob \`${digest}\` is not what it was`)
  return PayloadProto.decode(content)
}
