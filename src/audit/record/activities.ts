import { type JsonObject } from '../../contract/json.ts'
import { WIRE } from '../../contract/wire.ts'
import { askedBy, isPreview, type ToldStep } from '../told.ts'
import { type Event, type Execution, failureIn, idOf, line } from './execution.ts'
import { type Read, readIn } from './payloads.ts'
import type { Proof } from './types.ts'

/** An ordinary activity with what came of it. */
export interface Activity {
  readonly scheduled: Event
  readonly started: Event | undefined
  /** `undefined`: nothing came of it yet. */
  readonly ended: Event | undefined
  readonly input: Read
  readonly asked: Pick<ToldStep, 'kind' | 'step' | 'tool' | 'inputDigest'>
}

/** Every ordinary activity of an execution, in the order in which they were asked for. */
export function activitiesIn({ events }: Execution): readonly Activity[] {
  const startedBy = new Map<number, Event>()
  const endedBy = new Map<number, Event>()
  for (const event of events) {
    const started = event.activityTaskStartedEventAttributes
    const ended = endOf(event)
    if (started) startedBy.set(Number(String(started.scheduledEventId)), event)
    if (ended) endedBy.set(Number(String(ended.scheduledEventId)), event)
  }
  return events.flatMap((event) => {
    const scheduled = event.activityTaskScheduledEventAttributes
    if (!scheduled) return []
    const id = idOf(event)
    const input = readIn(scheduled.input)
    return {
      scheduled: event,
      started: startedBy.get(id),
      ended: endedBy.get(id),
      input,
      asked: input.veil === null ? askedBy(scheduled) : veiledAsk(scheduled),
    }
  })
}

/** What an activity whose input cannot be read was asked for, as far as its name tells. */
function veiledAsk(scheduled: Parameters<typeof askedBy>[0]): Activity['asked'] {
  const { undo, think } = WIRE.activities
  const asked = { ...askedBy(scheduled), inputDigest: null }
  if (asked.tool.endsWith(undo)) {
    return { ...asked, kind: 'undo', tool: asked.tool.slice(0, -undo.length), step: asked.step.slice(0, -undo.length) }
  }
  const isReading = scheduled.activityType?.name === think || isPreview(asked.tool)
  return { ...asked, kind: isReading ? 'reading' : 'write' }
}

const endOf = (event: Event) =>
  event.activityTaskCompletedEventAttributes ??
  event.activityTaskFailedEventAttributes ??
  event.activityTaskTimedOutEventAttributes ??
  event.activityTaskCanceledEventAttributes

/** The events of an activity: that which says what came of it first, else that which asked for it. */
export const eventsOf = ({ scheduled, started, ended }: Activity): readonly [Event, ...(Event | undefined)[]] =>
  ended === undefined ? [scheduled, started] : [ended, scheduled, started]

/** What came of a step. */
export interface Outcome {
  readonly state: 'done' | 'failed' | 'timed_out' | 'cancelled' | 'under_way'
  readonly answer: Read
  readonly failure: JsonObject | null
  /** The client that says so. */
  readonly identity: string
}

/** Where nothing stands. */
const NOTHING: Read = { json: null, exact: null, veil: null, beside: [] }

export function outcomeOf({ ended }: Activity): Outcome {
  const none = { answer: NOTHING, failure: null, identity: '' }
  if (ended === undefined) return { ...none, state: 'under_way' }
  const completed = ended.activityTaskCompletedEventAttributes
  if (completed) {
    return { ...none, state: 'done', answer: readIn(completed.result), identity: line(completed.identity ?? '') }
  }
  const failed = ended.activityTaskFailedEventAttributes
  if (failed) {
    return { ...none, state: 'failed', failure: failureIn(failed.failure), identity: line(failed.identity ?? '') }
  }
  const timedOut = ended.activityTaskTimedOutEventAttributes
  if (timedOut) return { ...none, state: 'timed_out', failure: failureIn(timedOut.failure) }
  return { ...none, state: 'cancelled', identity: line(ended.activityTaskCanceledEventAttributes?.identity ?? '') }
}

/** The last attempt that Temporal tells of; 0: none began. */
export const attemptOf = ({ started }: Activity): number => started?.activityTaskStartedEventAttributes?.attempt ?? 0

/** Whether what a step came to needs the word of somebody: Temporal itself tells only that nothing came of it. */
export const proofOf = (state: Outcome['state'], done: Proof): Proof => {
  if (state === 'done') return done
  return state === 'failed' || state === 'cancelled' ? 'claimed' : 'server'
}

/** What came of a step that was not done, in words. */
export const CAME_TO: Readonly<Record<Exclude<Outcome['state'], 'done'>, string>> = {
  failed: 'failed',
  timed_out: 'ran out of time: whether it happened is not known from this history',
  cancelled: 'was cancelled',
  under_way: 'was ordered, and nothing has come of it yet',
}
