import type { temporal } from '@temporalio/proto'
import { inputDigestOf } from '../contract/action.ts'
import type { Digest } from '../contract/digest.ts'
import { type RunKey, runKeyOf } from '../contract/evidence.ts'
import type { Json, JsonObject } from '../contract/json.ts'
import { WIRE } from '../contract/wire.ts'
import { isErased } from '../privacy/codec.ts'
import { failureOf, millisecondsOf } from './command.ts'
import { type DecidedAction, decidedIn } from './decided.ts'
import { fieldsOf, saidIn, textIn } from './fields.ts'

type Event = temporal.api.history.v1.IHistoryEvent

/** What a history says of one step. */
export interface ToldStep {
  /**
   * `write` and `undo` were asked for with a warrant; `ledger`: a host told what the ledger has; `reading` is any other
   * step that gives a result.
   */
  readonly kind: 'write' | 'undo' | 'ledger' | 'reading'
  /** The step; of an undo, the one that it undoes. */
  readonly step: string
  readonly tool: string
  /** Of tool and input as they stand in the history; `null` where the input does not. */
  readonly inputDigest: Digest | null
  /** The event that says what came of it, else the one that asked for it. */
  readonly eventId: number
  /** What came of it; `undefined`: nothing yet, or it failed. */
  readonly answer: Json | undefined
  /** Who says so: the client that completed the activity. */
  readonly by: string
}

/** How Temporal closed an execution. `ended outside` is no end that a kernel comes to. */
export type Closing = 'ended by itself' | 'ended outside' | 'went on'

/** What one history says: of one execution of a run, which a reset or a continuation gives others. */
export interface Told {
  readonly runKey: RunKey
  readonly workflowId: string
  readonly runId: string
  readonly workflowType: string
  /** When this execution began, by itself or by a reset: milliseconds since 1970. */
  readonly beganAtMs: number
  /** Executions of the same run that this one comes from. */
  readonly comesFrom: readonly string[]
  /** Whether the keys with which it was encrypted were destroyed: then it tells what happened when, and not what. */
  readonly isErased: boolean
  /** `null`: it is open. */
  readonly closing: Closing | null
  /** The last event of a closed one, such as `WorkflowExecutionTerminated`. */
  readonly closedBy: string | null
  /** What `openRun` answered; empty when it never did. */
  readonly opened: JsonObject
  /** The result that it closed with; empty when there is none. */
  readonly result: JsonObject
  /** In the order of the history. */
  readonly steps: readonly ToldStep[]
  /** The actions that the policy of the run decided on, each once, in the order in which the history first tells of them. */
  readonly decided: readonly DecidedAction[]
}

const idOf = (eventId: unknown): number => Number(String(eventId))

/** Reads a history as Temporal stores or exports it. Throws `TypeError` on one that does not begin with its start. */
export function toldBy({ events }: temporal.api.history.v1.IHistory): Told {
  const [first] = events ?? []
  const started = first?.workflowExecutionStartedEventAttributes
  if (!started) throw new TypeError('the history does not begin with WorkflowExecutionStarted')
  const workflowId = started.workflowId ?? ''
  const resets = (events ?? []).filter(({ workflowTaskFailedEventAttributes: failed }) => failed?.newRunId)
  const reset = resets.at(-1)
  const comesFrom = [
    started.continuedExecutionRunId,
    ...resets.flatMap(({ workflowTaskFailedEventAttributes: failed }) => [failed?.baseRunId, failed?.newRunId]),
  ]
  const runId = reset?.workflowTaskFailedEventAttributes?.newRunId ?? started.originalExecutionRunId ?? ''
  const locals = (events ?? []).flatMap((event) => localActivityIn(event) ?? [])
  const end = endIn(events?.at(-1))
  const steps = [...activitiesIn(events ?? []), ...locals.flatMap(stepsOfLocal)].toSorted(
    (a, b) => a.eventId - b.eventId,
  )
  return {
    runKey: runKeyOf(workflowId, started.firstExecutionRunId ?? ''),
    workflowId,
    runId,
    workflowType: started.workflowType?.name ?? '',
    beganAtMs: millisecondsOf((reset ?? first)?.eventTime),
    isErased: (started.input?.payloads ?? []).some(isErased),
    comesFrom: comesFrom.filter((id): id is string => Boolean(id) && id !== runId),
    ...end,
    opened: fieldsOf(locals.findLast(({ type }) => type === WIRE.activities.openRun)?.answer),
    steps,
    decided: decidedIn(events ?? [], { steps, result: end.result }),
  }
}

/** Every ordinary activity, as it was asked for and as it was completed. */
function activitiesIn(events: readonly Event[]): readonly ToldStep[] {
  const asked = new Map<number, Pick<ToldStep, 'kind' | 'step' | 'tool' | 'inputDigest'>>()
  const told = new Map<number, ToldStep>()
  for (const event of events) {
    const eventId = idOf(event.eventId)
    const scheduled = event.activityTaskScheduledEventAttributes
    const completed = event.activityTaskCompletedEventAttributes
    if (scheduled) {
      const what = askedBy(scheduled)
      asked.set(eventId, what)
      told.set(eventId, { ...what, eventId, answer: undefined, by: '' })
    } else if (completed) {
      const at = idOf(completed.scheduledEventId)
      const what = asked.get(at)
      const answer = saidIn(completed.result)
      if (what !== undefined) told.set(at, { ...what, eventId, answer, by: completed.identity ?? '' })
    }
  }
  return [...told.values()].flatMap((step) => (isPreview(step.tool) ? knownIn(step) : [step]))
}

/** Whether a type of activities shows what an action would change. */
export const isPreview = (type: string): boolean => type.endsWith(WIRE.activities.preview)

/** What an ordinary activity was asked for. */
export function askedBy({
  activityId,
  activityType,
  input: payloads,
}: temporal.api.history.v1.IActivityTaskScheduledEventAttributes) {
  const type = activityType?.name ?? ''
  const { warrant, input, thought } = fieldsOf(saidIn(payloads))
  const { kind, undoes } = fieldsOf(warrant)
  const step = activityId ?? ''
  if (kind === 'undo') {
    const tool = type.endsWith(WIRE.activities.undo) ? type.slice(0, -WIRE.activities.undo.length) : type
    return { kind, step: textIn(undoes), tool, inputDigest: null } as const
  }
  const tool = type === WIRE.activities.think ? textIn(thought) : type
  const inputDigest = digestIn(tool, input)
  return { kind: kind === 'act' ? 'write' : 'reading', step, tool, inputDigest } as const
}

/** `null` for an input that is missing, or of which no digest can be taken. */
function digestIn(tool: string, input: Json | undefined): Digest | null {
  try {
    return input === undefined ? null : inputDigestOf(tool, input)
  } catch {
    return null
  }
}

interface LocalActivity {
  readonly eventId: number
  readonly type: string
  readonly answer: Json
}

function localActivityIn({ eventId, markerRecordedEventAttributes: marker }: Event): LocalActivity | undefined {
  if (marker?.markerName !== 'core_local_activity' || marker.failure) return undefined
  const { data, result } = marker.details ?? {}
  const { activity_type: type } = fieldsOf(saidIn(data))
  return { eventId: idOf(eventId), type: textIn(type), answer: saidIn(result) }
}

/** The kernel's own, of which nothing is cited. */
const { openRun, spent, seal, hear, notify } = WIRE.activities
const BOOKKEEPING: ReadonlySet<string> = new Set([openRun, spent, seal, hear, notify])

function stepsOfLocal({ eventId, type, answer }: LocalActivity): readonly ToldStep[] {
  const by = 'a local activity'
  if (type === WIRE.activities.recall) {
    const entries = Array.isArray(answer) ? (answer as readonly Json[]) : []
    return entries.flatMap((entry) => ledgerStep(entry, eventId, by))
  }
  if (isPreview(type)) return knownIn({ eventId, answer, by })
  const { receipt } = fieldsOf(answer)
  const { step, tool, asked } = fieldsOf(receipt)
  if (BOOKKEEPING.has(type)) return []
  const name = type === WIRE.activities.think ? textIn(tool) : type
  return [{ kind: 'reading', step: textIn(step), tool: name, inputDigest: digestIn(name, asked), eventId, answer, by }]
}

/** What a preview tells of the ledger, if it does. */
const knownIn = ({ answer, eventId, by }: Pick<ToldStep, 'answer' | 'eventId' | 'by'>): readonly ToldStep[] =>
  ledgerStep(fieldsOf(answer)['known'] ?? null, eventId, by)

function ledgerStep(entry: Json, eventId: number, by: string): readonly ToldStep[] {
  const { step, tool } = fieldsOf(entry)
  if (typeof step !== 'string' || typeof tool !== 'string') return []
  return [{ kind: 'ledger', step, tool, inputDigest: null, eventId, answer: entry, by }]
}

const byItself = (closedBy: string, result: JsonObject) => ({ closing: 'ended by itself', closedBy, result }) as const

function endIn(last: Event | undefined): Pick<Told, 'closing' | 'closedBy' | 'result'> {
  const completed = last?.workflowExecutionCompletedEventAttributes
  const failed = last?.workflowExecutionFailedEventAttributes
  if (completed) return byItself('WorkflowExecutionCompleted', fieldsOf(saidIn(completed.result)))
  if (failed) return byItself('WorkflowExecutionFailed', fieldsOf(failureOf(failed.failure)['details']))
  const without = { result: {} } as const
  if (last?.workflowExecutionContinuedAsNewEventAttributes) {
    return { ...without, closing: 'went on', closedBy: 'WorkflowExecutionContinuedAsNew' }
  }
  const outside = [
    ['WorkflowExecutionTerminated', last?.workflowExecutionTerminatedEventAttributes],
    ['WorkflowExecutionTimedOut', last?.workflowExecutionTimedOutEventAttributes],
    ['WorkflowExecutionCanceled', last?.workflowExecutionCanceledEventAttributes],
  ] as const
  const closedBy = outside.find(([, attributes]) => attributes)?.[0] ?? null
  return { ...without, closing: closedBy === null ? null : 'ended outside', closedBy }
}
