import { createHash } from 'node:crypto'
import proto, { type temporal } from '@temporalio/proto'
import type { Digest } from '../../contract/digest.ts'

const { History } = proto.temporal.api.history.v1

/**
 * A history as bytes: protobuf, with the keys of its maps in order, which the server sends in any. What is read from them and written again
 * is the same bytes.
 */
export const historyBytes = (history: temporal.api.history.v1.IHistory): Uint8Array =>
  History.encode(inOrder(History.fromObject(history)) as temporal.api.history.v1.IHistory).finish()

/** SHA-256 of `historyBytes`. */
export const historyDigest = (history: temporal.api.history.v1.IHistory): Digest => digestOfBytes(historyBytes(history))

/** SHA-256 of bytes. */
export const digestOfBytes = (bytes: Uint8Array): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** The same with the keys of every map in order, and without what this version has no name for; bytes and long numbers are left as they are. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || 'low' in value) return value
  // Messages are written by their numbers, in whatever order their fields are.
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value).toSorted())
    if (!name.startsWith('$')) copy[name] = inOrder((value as Record<string, unknown>)[name])
  return copy
}
