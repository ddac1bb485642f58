import { inputDigestOf, type Warrant } from '../../src/contract/action.ts'
import type { Json, JsonObject } from '../../src/contract/json.ts'
import { activitiesIn, typesOf } from '../support/history.ts'
import type { Moved } from './moved.ts'
import type { Case } from './person.ts'
import type { Stage } from './stage.ts'
import { textIn } from './text-in.ts'

/** From so many cents on, the policies of the suite and of `refund_request` ask a person. */
const ASK_FROM_CENTS = 5_000
/** From so many on, those of the suite say no. */
const DENY_FROM_CENTS = 100_000

interface WarrantedWrite {
  readonly type: string
  readonly input: JsonObject
  readonly warrant: Warrant
}

/** What Temporal's histories of a run say of its writes. */
export interface Recorded {
  /** By step. */
  readonly writes: ReadonlyMap<string, readonly WarrantedWrite[]>
  /** Steps, undos among them, that took more than one attempt. */
  readonly retried: ReadonlySet<string>
  readonly events: number
  readonly failedTasks: number
}

export async function recordedOf(stage: Stage, { id, runIds }: Case): Promise<Recorded> {
  const writes = new Map<string, WarrantedWrite[]>()
  const retried = new Set<string>()
  let count = 0
  let failedTasks = 0
  for (const runId of runIds) {
    const { events } = await stage.temporal.workflow.getHandle(id, runId).fetchHistory()
    const all = events ?? []
    count += all.length
    failedTasks += typesOf(all).filter((type) => type === 'EVENT_TYPE_WORKFLOW_TASK_FAILED').length
    const steps = new Map<number, string>()
    for (const scheduled of activitiesIn(all)) {
      steps.set(scheduled.eventId, scheduled.id)
      const { input, warrant } = scheduled.input as { input?: Json; warrant?: Warrant }
      if (warrant?.kind !== 'act' || typeof input !== 'object') continue
      const write = { type: scheduled.type, input: input as JsonObject, warrant }
      writes.set(scheduled.id, [...(writes.get(scheduled.id) ?? []), write])
    }
    for (const { activityTaskStartedEventAttributes: started } of all) {
      const step = steps.get(Number(started?.scheduledEventId))
      if (step !== undefined && (started?.attempt ?? 1) > 1) retried.add(step)
    }
  }
  return { writes, retried, events: count, failedTasks }
}

/** What a write was for, as its warrant's input says: an account, or a payment, and cents. */
export function meant({ input }: WarrantedWrite): { readonly account: string; readonly cents: number } {
  const amount = input['amount'] as JsonObject | undefined
  return {
    account: textIn(input, 'account') || textIn(input, 'paymentId'),
    cents: Number(input['cents'] ?? amount?.cents),
  }
}

/** Why money that moved is not borne out by a warrant of the history and, where it takes one, by a person's word. */
export function flawOfMoved(moved: Moved, { writes }: Recorded, approved: ReadonlySet<string>): string | undefined {
  const issued = writes.get(moved.step) ?? []
  if (issued.length === 0) return 'no warrant'
  const fits = issued.filter((write) => {
    const { account, cents } = meant(write)
    const { warrant, type, input } = write
    return (
      account === moved.account &&
      cents === moved.cents &&
      warrant.runKey === moved.runKey &&
      warrant.step === moved.step &&
      warrant.inputDigest === inputDigestOf(type, input)
    )
  })
  if (fits.length === 0) return 'its warrant is for something else'
  if (moved.account.startsWith('acc_') && moved.cents >= DENY_FROM_CENTS) return 'the policy says no'
  if (moved.cents < ASK_FROM_CENTS) return undefined
  const heard = fits.some(({ warrant }) => warrant.approvals.some(({ actionDigest }) => approved.has(actionDigest)))
  return heard ? undefined : 'nobody approved it'
}
