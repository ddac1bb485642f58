import type { temporal } from '@temporalio/proto'
import type { Json, JsonObject } from '../contract/json.ts'
import { argumentOf, attributesOf, type Command, failureOf, millisecondsOf } from './command.ts'

type Event = temporal.api.history.v1.IHistoryEvent

/** The commands that a history holds, in its order. */
export function recordedCommands({ events }: temporal.api.history.v1.IHistory): readonly Command[] {
  const updates = new Map<string, Update>()
  for (const { eventId, workflowExecutionUpdateAcceptedEventAttributes: accepted } of events ?? []) {
    if (!accepted) continue
    const { protocolInstanceId, acceptedRequest } = accepted
    updates.set(String(eventId), { id: protocolInstanceId ?? '', name: acceptedRequest?.input?.name ?? '' })
  }
  return (events ?? []).flatMap((event) => commandIn(event, updates) ?? endIn(event) ?? [])
}

type Update = Pick<Command, 'id' | 'name'>

function commandIn(event: Event, updates: ReadonlyMap<string, Update>): Command | undefined {
  const activity = event.activityTaskScheduledEventAttributes
  if (activity) {
    const { activityId, activityType, input } = activity
    return { kind: 'activity', id: activityId ?? '', name: activityType?.name ?? '', says: argumentOf(input?.payloads) }
  }
  const marker = event.markerRecordedEventAttributes
  if (marker?.markerName === 'core_local_activity') return localActivityIn(marker.details ?? {})
  const timer = event.timerStartedEventAttributes
  if (timer) {
    return { kind: 'timer', id: timer.timerId ?? '', name: '', says: millisecondsOf(timer.startToFireTimeout) }
  }
  const upsert = event.upsertWorkflowSearchAttributesEventAttributes
  if (upsert) return { kind: 'search attributes', id: '', name: '', says: attributesOf(upsert.searchAttributes) }
  const update = event.workflowExecutionUpdateCompletedEventAttributes
  if (!update) return undefined
  const { success, failure } = update.outcome ?? {}
  const { id = '', name = '' } = updates.get(String(update.acceptedEventId)) ?? {}
  return { kind: 'update', id, name, says: failure ? failureOf(failure) : argumentOf(success?.payloads) }
}

function endIn(event: Event): Command | undefined {
  const end = { kind: 'end', id: '' } as const
  const completed = event.workflowExecutionCompletedEventAttributes
  if (completed) return { ...end, name: 'completed', says: argumentOf(completed.result?.payloads) }
  const failed = event.workflowExecutionFailedEventAttributes
  if (failed) return { ...end, name: 'failed', says: failureOf(failed.failure) }
  const continued = event.workflowExecutionContinuedAsNewEventAttributes
  if (continued) return { ...end, name: 'continued', says: argumentOf(continued.input?.payloads) }
  return event.workflowExecutionCanceledEventAttributes ? { ...end, name: 'cancelled', says: null } : undefined
}

/**
 * The argument of a local activity is not in the history. What it was asked stands in the receipt of its result, so
 * that is what it says here: nothing where there is no receipt.
 */
function localActivityIn(details: Readonly<Record<string, temporal.api.common.v1.IPayloads>>): Command {
  const data = objectIn(argumentOf(details['data']?.payloads))
  const { runKey, step, asked } = objectIn(objectIn(argumentOf(details['result']?.payloads))['receipt'])
  const says = Object.entries({ runKey, step, input: asked }).filter(([, value]) => value !== undefined)
  const { seq, activity_type: type } = data
  const name = typeof type === 'string' ? type : ''
  return { kind: 'local activity', id: JSON.stringify(seq), name, says: Object.fromEntries(says) as Json }
}

const objectIn = (json: Json | undefined): JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as JsonObject) : {}
