import { createHash } from 'node:crypto'
import proto, { type temporal } from '@temporalio/proto'
import type { Digest } from '../../contract/digest.ts'

const { History } = proto.temporal.api.history.v1

/** A history as bytes: protobuf. What is read from them and written again is the same bytes. */
export const historyBytes = (history: temporal.api.history.v1.IHistory): Uint8Array =>
  History.encode(History.fromObject(history)).finish()

/** SHA-256 of `historyBytes`. */
export const historyDigest = (history: temporal.api.history.v1.IHistory): Digest =>
  `sha256:${createHash('sha256').update(historyBytes(history)).digest('hex')}`
