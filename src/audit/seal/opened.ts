import type { Payload, PayloadCodec } from '@temporalio/common'
import proto, { type temporal } from '@temporalio/proto'
import { canonicalJson, type Digest } from '../../contract/digest.ts'
import type { Json } from '../../contract/json.ts'
import { type Statement, statementDigestOf, statementSchema } from '../../contract/statement.ts'
import { readBeside } from '../../ledger/bulk-codec.ts'
import { erasedPayload, keyIdOf, readingCodec } from '../../privacy/codec.ts'
import type { DataKeys } from '../../privacy/data-keys.ts'
import { inFull } from '../in-full.ts'
import { hostsIn } from '../record/keys.ts'
import type { PublishedKeys } from '../record/types.ts'
import type { SealedRun } from './bundle.ts'

type History = temporal.api.history.v1.IHistory

/** What it takes to read histories, and nothing else: no server and no database. */
export interface Reading {
  /** What is kept beside them. */
  readonly find: (digest: Digest) => Promise<Uint8Array | undefined>
  readonly keys: PublishedKeys
  /** Whether a data key was destroyed. */
  readonly isErased: (keyId: string) => boolean
  /** Of a reader who was given them; without, what is encrypted stays so. */
  readonly dataKeys?: DataKeys | undefined
}

/** How a sealed run is read, with nothing but what is in it. */
export function readingOf({ blobs, erased, keys }: Pick<SealedRun, 'blobs' | 'erased' | 'keys'>): Reading {
  const find = async (digest: string): Promise<Uint8Array | undefined> =>
    Object.hasOwn(blobs, digest) ? Buffer.from(blobs[digest] ?? '', 'base64') : undefined
  return { find, keys, isErased: (keyId) => erased.includes(keyId) }
}

/**
 * Reads what is kept beside histories, and marks what was erased. What is encrypted stays so without data keys: a record that is sealed says
 * nothing of it, so that destroying a key leaves nothing of it in the archive.
 */
export function openingCodec({ find, keys, isErased, dataKeys }: Reading): PayloadCodec {
  const beside = { find, verifierOf: hostsIn(keys) }
  const decrypting = dataKeys === undefined ? undefined : readingCodec(dataKeys)
  return {
    // What code sends in a replay is compared before it gets here, and goes nowhere.
    encode: async (payloads) => payloads,
    async decode(payloads, context) {
      const there = (await readBeside(beside, payloads)).map((payload) => marked(payload, isErased))
      return decrypting === undefined ? there : await decrypting.decode(there, context)
    },
  }
}

function marked(payload: Payload, isErased: Reading['isErased']): Payload {
  const keyId = keyIdOf(payload)
  return keyId !== undefined && isErased(keyId) ? erasedPayload() : payload
}

/** A history as far as it can be read. */
export const opened = (history: History, reading: Reading): Promise<History> => inFull(history, openingCodec(reading))

/** A history of its bytes. Throws on what is none. */
export const historyIn = (base64: string): History =>
  proto.temporal.api.history.v1.History.decode(Buffer.from(base64, 'base64'))

/** The id of the data key of what is kept beside histories. */
export const keyIdKept = (base64: string): string | undefined =>
  keyIdOf(proto.temporal.api.common.v1.Payload.decode(Buffer.from(base64, 'base64')))

/** Every payload of a history, however deep. */
export function payloadsIn(value: unknown): readonly Payload[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  if ('metadata' in value && 'data' in value && value.data instanceof Uint8Array) return [value as Payload]
  return Object.values(value).flatMap(payloadsIn)
}

const textOf = ({ data }: Payload): string => Buffer.from(data ?? []).toString()

/** The payloads of histories as text, to look for ids in them. */
export const textsIn = (histories: readonly History[]): string => histories.flatMap(payloadsIn).map(textOf).join('\n')

/** Every statement that stands in histories, each once, in the order of their digests. */
export function statementsIn(histories: readonly History[]): readonly Json[] {
  const found = new Map<string, Json>()
  const look = (json: Json): void => {
    if (typeof json !== 'object' || json === null) return
    if ('about' in json && 'nonce' in json) {
      const parsed = statementSchema().safeParse(json)
      if (parsed.success) {
        const key = `${statementDigestOf(parsed.data as Statement)} ${canonicalJson(json)}`
        found.set(key, json)
      }
    }
    for (const inner of Object.values(json)) look(inner)
  }
  for (const payload of histories.flatMap(payloadsIn)) {
    const text = textOf(payload)
    if (!text.includes('"nonce"')) continue
    try {
      look(JSON.parse(text) as Json)
    } catch {
      // Anybody can send bytes that are no JSON, or nested without end: they hold no statement.
    }
  }
  return [...found].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, statement]) => statement)
}
