import type { PayloadCodec } from '@temporalio/common'
import type { temporal } from '@temporalio/proto'
import { codeOf } from '../contract/failures.ts'
import { bulkDigestOf } from '../ledger/bulk-codec.ts'

type History = temporal.api.history.v1.IHistory
type Payloads = temporal.api.common.v1.IPayloads

/**
 * A history with what is kept beside it in its place, as far as effects are told by it: inputs and results of activities.
 * `codec` is that of `bulkCodec`. What is missing, or is not what its digest says, stays out: then it says nothing.
 */
export async function inFull({ events }: History, codec: PayloadCodec): Promise<History> {
  const told = await Promise.all(
    (events ?? []).map(async (event) => {
      const { activityTaskScheduledEventAttributes: asked, activityTaskCompletedEventAttributes: done } = event
      if (asked) {
        return { ...event, activityTaskScheduledEventAttributes: { ...asked, input: await read(asked.input, codec) } }
      }
      if (done) {
        return { ...event, activityTaskCompletedEventAttributes: { ...done, result: await read(done.result, codec) } }
      }
      const { markerRecordedEventAttributes: marker } = event
      const result = marker?.details?.['result']
      if (!marker || !result) return event
      const details = { ...marker.details, result: (await read(result, codec)) ?? result }
      return { ...event, markerRecordedEventAttributes: { ...marker, details } }
    }),
  )
  return { events: told }
}

/** Whether nothing that `inFull` looks for is kept beside a history. */
export const isInFull = ({ events }: History): boolean =>
  (events ?? []).every((event) =>
    [
      event.activityTaskScheduledEventAttributes?.input,
      event.activityTaskCompletedEventAttributes?.result,
      event.markerRecordedEventAttributes?.details?.['result'],
    ].every((payloads) => (payloads?.payloads ?? []).every((payload) => bulkDigestOf(payload) === undefined)),
  )

async function read(payloads: Payloads | null | undefined, codec: PayloadCodec): Promise<Payloads | null> {
  if (!payloads?.payloads) return payloads ?? null
  try {
    return { payloads: await codec.decode(payloads.payloads) }
  } catch (error) {
    if (codeOf(error) === 'blob_missing' || codeOf(error) === 'blob_altered') return payloads
    throw error
  }
}
