import { defaultPayloadConverter, type PayloadConverter } from '@temporalio/workflow'

/** What stands for a payload that cannot be read. */
const UNDECODABLE = { undecodable: true } as const

/**
 * Reads payloads as Temporal does, but never throws: a signal that anybody can send, and that cannot be decoded, would
 * otherwise fail the workflow task for ever. The schemas refuse what stands for it.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value, context) => defaultPayloadConverter.toPayload(value, context),
  fromPayload(payload, context) {
    try {
      return defaultPayloadConverter.fromPayload(payload, context)
    } catch {
      return UNDECODABLE as never
    }
  },
}
