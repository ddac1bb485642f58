import { createHash } from 'node:crypto'
import proto, { type temporal } from '@temporalio/proto'
import type { Digest } from '../../contract/digest.ts'

const { History } = proto.temporal.api.history.v1

/**
 * A history as bytes: protobuf, with the keys of its maps in order, which the server sends in any. What is read from them and written again
 * is the same bytes.
 */
export const historyBytes = (history: temporal.api.history.v1.IHistory): Uint8Array =>
  History.encode(History.fromObject(inOrder(History.toObject(History.fromObject(history))) as object)).finish()

/** SHA-256 of `historyBytes`. */
export const historyDigest = (history: temporal.api.history.v1.IHistory): Digest =>
  `sha256:${createHash('sha256').update(historyBytes(history)).digest('hex')}`

/** The same with the keys of every object in order; bytes and long numbers are left as they are. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, inOrder(inner)]))
}
