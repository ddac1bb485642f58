import type { Client } from '@temporalio/client'
import { arrayFromPayloads, defaultPayloadConverter } from '@temporalio/common'
import proto, { type temporal } from '@temporalio/proto'
import type { RunHandle } from '../../src/client/index.ts'

type Event = temporal.api.history.v1.IHistoryEvent

const EventType = proto.temporal.api.enums.v1.EventType

/** The history of the newest run of a workflow id, as Temporal stores it. */
export async function eventsOf(client: Client, run: RunHandle): Promise<readonly Event[]> {
  const { events } = await client.workflow.getHandle(run.workflowId).fetchHistory()
  return events ?? []
}

/** How many executions a run has had. */
export async function executionsOf(client: Client, { workflowId }: RunHandle): Promise<number> {
  let executions = 0
  for await (const _ of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) executions += 1
  return executions
}

/** The names of the event types, such as `EVENT_TYPE_TIMER_STARTED`. */
export const typesOf = (events: readonly Event[]): readonly string[] =>
  events.map(({ eventType }) => EventType[eventType ?? 0] ?? '')

/** An activity as it was scheduled. */
export interface Scheduled {
  readonly id: string
  readonly type: string
  readonly input: unknown
  readonly eventId: number
}

/** The ordinary activities of a history with their decoded first argument, in order. */
export const activitiesIn = (events: readonly Event[]): readonly Scheduled[] =>
  events.flatMap(({ eventId, activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled === null || scheduled === undefined
      ? []
      : {
          id: scheduled.activityId ?? '',
          type: scheduled.activityType?.name ?? '',
          input: arrayFromPayloads(defaultPayloadConverter, scheduled.input?.payloads)[0],
          eventId: Number(eventId),
        },
  )

/** The ids of the events that end workflow tasks: where a reset can go. */
export const workflowTasksIn = (events: readonly Event[]): readonly number[] =>
  events
    .filter(({ workflowTaskCompletedEventAttributes: completed }) => completed !== null && completed !== undefined)
    .map(({ eventId }) => Number(eventId))

/** The event in which an activity ended, however it did. */
export const endOf = (events: readonly Event[], { eventId }: Scheduled): Event | undefined =>
  events.find((event) => {
    const attributes =
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskCanceledEventAttributes ??
      event.activityTaskTimedOutEventAttributes
    return Number(attributes?.scheduledEventId) === eventId
  })

/**
 * Resets a run to the workflow task that ended with an event, of its newest execution where no run id is given: the open
 * run is terminated and another one goes on.
 */
export async function reset(client: Client, run: RunHandle, eventId: number, runId = ''): Promise<void> {
  await client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run.workflowId, runId },
    reason: 'a test',
    workflowTaskFinishEventId: eventId as never,
    requestId: crypto.randomUUID(),
  })
}
