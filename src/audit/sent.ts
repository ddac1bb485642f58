import type { coresdk } from '@temporalio/proto'
import { argumentOf, attributesOf, type Command, failureOf, millisecondsOf } from './command.ts'

type Sent = coresdk.workflow_commands.IWorkflowCommand

/** What code sends in a replay; `undefined` for what says nothing that its kind and its place do not. */
export function commandOf(sent: Sent): Command | undefined {
  const { scheduleActivity: activity, scheduleLocalActivity: local, startTimer: timer } = sent
  if (activity) {
    const { activityId, activityType, arguments: given } = activity
    return { kind: 'activity', id: activityId ?? '', name: activityType ?? '', says: argumentOf(given) }
  }
  if (local) {
    const { seq, activityType, arguments: given } = local
    return { kind: 'local activity', id: String(seq), name: activityType ?? '', says: argumentOf(given) }
  }
  if (timer) {
    return { kind: 'timer', id: String(timer.seq), name: '', says: millisecondsOf(timer.startToFireTimeout) }
  }
  const { upsertWorkflowSearchAttributes: upsert, updateResponse: update } = sent
  if (upsert) return { kind: 'search attributes', id: '', name: '', says: attributesOf(upsert.searchAttributes) }
  if (update?.completed || update?.rejected) {
    const says = update.completed ? argumentOf([update.completed]) : failureOf(update.rejected)
    return { kind: 'update', id: update.protocolInstanceId ?? '', name: '', says }
  }
  return endOf(sent)
}

function endOf(sent: Sent): Command | undefined {
  const { completeWorkflowExecution: completed, failWorkflowExecution: failed } = sent
  const end = { kind: 'end', id: '' } as const
  if (completed) return { ...end, name: 'completed', says: argumentOf(completed.result ? [completed.result] : []) }
  if (failed) return { ...end, name: 'failed', says: failureOf(failed.failure) }
  const continued = sent.continueAsNewWorkflowExecution
  if (continued) return { ...end, name: 'continued', says: argumentOf(continued.arguments) }
  return sent.cancelWorkflowExecution ? { ...end, name: 'cancelled', says: null } : undefined
}
