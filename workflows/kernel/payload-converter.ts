import { defaultPayloadConverter, type PayloadConverter } from '@temporalio/workflow'
import { BULK_MARK, isBulk } from '../../src/contract/bulk.ts'

/** What stands for a payload that cannot be read. */
const UNDECODABLE = { undecodable: true } as const

/**
 * Reads payloads as Temporal does, but never throws: a signal that anybody can send, and that cannot be decoded, would
 * otherwise fail the workflow task for ever. The schemas refuse what stands for it. A `Bulk` is marked for the worker's
 * codec, which keeps it beside the history.
 */
export const payloadConverter: PayloadConverter = {
  toPayload(value, context) {
    if (!isBulk(value)) return defaultPayloadConverter.toPayload(value, context)
    const payload = defaultPayloadConverter.toPayload(value.value, context)
    return { ...payload, metadata: { ...payload.metadata, [BULK_MARK]: new Uint8Array([1]) } }
  },
  fromPayload(payload, context) {
    try {
      return defaultPayloadConverter.fromPayload(payload, context)
    } catch {
      return UNDECODABLE as never
    }
  },
}
