import proto from '@temporalio/proto'
import type { JsonObject } from '../../contract/json.ts'
import { SEARCH_ATTRIBUTES } from '../../contract/wire.ts'
import { attributesOf } from '../command.ts'
import { fieldsOf, textIn } from '../fields.ts'
import {
  byCaller,
  callerOf,
  type Event,
  type Execution,
  failureIn,
  type Found,
  line,
  objectsIn,
  provenCaller,
  refs,
  timeOf,
} from './execution.ts'
import { held, readIn, veiledSays } from './payloads.ts'
import { becauseOf } from './decisions.ts'

/** What state a run was in, what Temporal did with it, and how it ended. */
export function endsIn(execution: Execution): readonly Found[] {
  return execution.events.flatMap((event) => [...statesIn(execution, event), ...lifeIn(execution, event)])
}

function statesIn(execution: Execution, event: Event): readonly Found[] {
  const { searchAttributes } = event.upsertWorkflowSearchAttributesEventAttributes ?? {}
  if (!searchAttributes) return []
  const attributes = attributesIn(searchAttributes)
  const state = attributes[SEARCH_ATTRIBUTES.state.name]
  if (typeof state !== 'string') return []
  const waitingFor = textIn(attributes[SEARCH_ATTRIBUTES.waitingFor.name]) || null
  const place = { at: timeOf(event), proof: 'server', by: null } as const
  const says = { state, waitingFor }
  if (waitingFor !== 'incident') {
    const waits = waitingFor === null ? '' : `, waiting for ${line(waitingFor)}`
    const text = `The run was ${line(state)}${waits}.`
    return [{ ...place, kind: 'state', step: null, events: refs(execution, event), says, text }]
  }
  const before = lastFailure(execution, event)
  const why = before === undefined ? '' : `: ${line(textIn(before.failure['message']))}`
  return [
    {
      ...place,
      kind: 'incident',
      step: before?.step ?? null,
      events: refs(execution, event, before?.event),
      says: { ...says, failure: before?.failure ?? null },
      text: `Only a person could go on${before === undefined ? '' : `, at ${line(before.step ?? 'the run')}`}${why}.`,
    },
  ]
}

function attributesIn(attributes: Parameters<typeof attributesOf>[0]): JsonObject {
  try {
    return attributesOf(attributes)
  } catch {
    return {}
  }
}

/** What failed last before an event. */
function lastFailure({ events, byId }: Execution, event: Event) {
  const index = events.indexOf(event)
  const found = events.slice(0, index).findLast((one) => failureOfEvent(one) !== undefined)
  if (found === undefined) return undefined
  const scheduledId = found.activityTaskFailedEventAttributes?.scheduledEventId
  const scheduled = scheduledId
    ? byId.get(Number(String(scheduledId)))?.activityTaskScheduledEventAttributes
    : undefined
  const step = (scheduled?.activityId ?? '').replace(/\.undo$/, '')
  return { event: found, step: step === '' ? null : line(step), failure: failureIn(failureOfEvent(found)) }
}

const failureOfEvent = (event: Event) =>
  event.activityTaskFailedEventAttributes?.failure ?? event.markerRecordedEventAttributes?.failure ?? undefined

const { EventType } = proto.temporal.api.enums.v1

/** What other entries tell of, or what only carries a run along. */
const TOLD: ReadonlySet<number | undefined> = new Set([
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
  EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
  EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
  EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
  EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
  EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
  EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
  EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
  EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
  EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
  EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED,
  EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
  EventType.EVENT_TYPE_TIMER_STARTED,
  EventType.EVENT_TYPE_TIMER_FIRED,
  EventType.EVENT_TYPE_TIMER_CANCELED,
  EventType.EVENT_TYPE_MARKER_RECORDED,
  EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
])

function lifeIn(execution: Execution, event: Event): readonly Found[] {
  const place = { at: timeOf(event), step: null, events: refs(execution, event), proof: 'server' } as const
  const completed = event.workflowExecutionCompletedEventAttributes
  if (completed) {
    const read = readIn(completed.result)
    return [{ ...place, proof: read.veil ?? 'server', kind: 'state', by: null, ...resultOf(read) }]
  }
  const failed = event.workflowExecutionFailedEventAttributes
  if (failed) {
    const { details } = failed.failure?.applicationFailureInfo ?? {}
    const read = readIn(details)
    return [
      { ...place, proof: read.veil ?? 'server', kind: 'state', by: null, ...resultOf(read, failureIn(failed.failure)) },
    ]
  }
  const terminated = event.workflowExecutionTerminatedEventAttributes
  if (terminated) {
    const reason = line(terminated.reason ?? '')
    const says = { state: 'terminated', reason, caller: callerOf(event, terminated.identity) }
    const text = `The execution was terminated${byCaller(event, terminated.identity)}${reason === '' ? '' : `: ${reason}`}. Nothing was undone for that.`
    return [{ ...place, kind: 'state', by: provenCaller(event), says, text }]
  }
  if (event.workflowExecutionTimedOutEventAttributes) {
    const text = 'The execution ran out of its time. Nothing was undone for that.'
    return [{ ...place, kind: 'state', by: null, says: { state: 'timed_out' }, text }]
  }
  if (event.workflowExecutionCanceledEventAttributes) {
    return [
      { ...place, kind: 'state', by: null, says: { state: 'cancelled' }, text: 'The execution ended as cancelled.' },
    ]
  }
  const continued = event.workflowExecutionContinuedAsNewEventAttributes
  if (continued) {
    const runId = continued.newExecutionRunId ?? ''
    const says = { goesOnAs: runId }
    return [{ ...place, kind: 'execution', by: null, says, text: `The run goes on as the execution ${line(runId)}.` }]
  }
  const asked = event.workflowExecutionCancelRequestedEventAttributes
  if (asked) {
    const says = {
      cause: line(asked.cause ?? ''),
      caller: callerOf(event, asked.identity),
    }
    const text = `It was asked to cancel the run${byCaller(event, asked.identity)}.`
    return [{ ...place, kind: 'stop', by: provenCaller(event), says, text }]
  }
  return otherwise(execution, event)
}

/** What changes how a run goes on, and what is none of ours. */
function otherwise(execution: Execution, event: Event): readonly Found[] {
  const place = {
    at: timeOf(event),
    step: null,
    events: refs(execution, event),
    proof: 'server',
    by: provenCaller(event),
  } as const
  const task = event.workflowTaskFailedEventAttributes
  if (task?.newRunId) {
    const says = {
      reset: { from: task.baseRunId ?? '', to: task.newRunId },
      reason: line(task.failure?.message ?? ''),
      copied: execution.copied,
      caller: callerOf(event, task.identity),
    }
    const text = `The run was reset: the execution ${line(task.newRunId)} goes on from here instead of ${line(task.baseRunId ?? '')}${byCaller(event, task.identity)}.`
    return [{ ...place, kind: 'execution', says, text }]
  }
  if (task) {
    const failure = failureIn(task.failure)
    const text = `A worker could not go on: ${line(textIn(failure['message']))}.`
    return [{ ...place, kind: 'execution', says: { failure, worker: line(task.identity ?? '') }, text }]
  }
  if (TOLD.has(event.eventType ?? undefined)) return []
  const name = (EventType[event.eventType ?? 0] ?? 'UNKNOWN').replace('EVENT_TYPE_', '')
  return [{ ...place, kind: 'execution', says: { event: name }, text: `Temporal tells of ${name}.` }]
}

/** How a run ended, as its result says. */
function resultOf(read: ReturnType<typeof readIn>, failure?: JsonObject): Pick<Found, 'says' | 'text'> {
  const result = fieldsOf(read.json)
  if (read.veil !== null)
    return {
      says: veiledSays(read),
      text: `The run ended; its result ${read.veil === 'erased' ? 'was erased' : 'is sealed'}.`,
    }
  const { state, outcome, because, effects, spend, undoUntil, policyDigest } = result
  if (typeof state !== 'string') {
    const says = {
      state: failure === undefined ? 'completed' : 'failed',
      result: held(read.json),
      failure: failure ?? null,
    }
    return {
      says,
      text: `The execution ended with something that is no result of a run${failure === undefined ? '' : `: ${line(textIn(failure['message']))}`}.`,
    }
  }
  const { code, message, by, rules, facts } = fieldsOf(because)
  const why = because === null || because === undefined ? '' : `: ${line(textIn(message)) || line(textIn(code))}`
  const rule = becauseOf(rules)
  const left = objectsIn(effects).map(({ step, state: came }) => `${line(textIn(step))} ${line(textIn(came))}`)
  return {
    says: {
      state,
      outcome: held(outcome),
      because:
        because === null || because === undefined
          ? null
          : { code: code ?? null, message: held(message), by: by ?? null, rules: held(rules), facts: held(facts) },
      effects: held(effects),
      spend: spend ?? null,
      undoUntil: undoUntil ?? null,
      policyDigest: policyDigest ?? null,
      ...(failure === undefined ? {} : { failure }),
    },
    text: `The run ended ${line(state)}${why}${rule === '' ? '' : `, since ${line(rule, 1_000)}`}${left.length === 0 ? '; it changed nothing' : `; ${line(left.join(', '), 1_000)}`}.`,
  }
}
