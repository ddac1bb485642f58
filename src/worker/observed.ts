import { Context } from '@temporalio/activity'
import { Bulk } from '../contract/bulk.ts'
import { codeOf, failureOf } from '../contract/failures.ts'
import type { StepResult } from '../contract/evidence.ts'
import { BULK_CHARACTERS } from '../contract/limits.ts'
import { WIRE } from '../contract/wire.ts'
import type { Attempt, AttemptEnd, Observer } from './observer.ts'
import type { Registry } from './registry.ts'
import type { RunMeter } from './spend.ts'
import { isLarger, typed } from './steps.ts'

type Activity = (argument: never) => Promise<unknown>

/** An activity whose failures are typed, and of which the observer is told. `name` is what it is registered under. */
export const observed =
  (name: string, run: Activity, registry: Registry, observer: Observer): Activity =>
  async (argument) => {
    const attempt = attemptOf(name, argument, registry)
    const startedAt = performance.now()
    const ended = (end: AttemptEnd): void => observer.ended?.(attempt, end, performance.now() - startedAt)
    observer.began?.(attempt)
    try {
      const result = await run(argument)
      ended('ok')
      // What is large is kept beside the history.
      return isLarger(result, BULK_CHARACTERS) ? new Bulk(result) : result
    } catch (error) {
      const thrown = typed(error)
      ended(codeOf(thrown) ?? 'cancelled')
      throw thrown
    }
  }

function attemptOf(name: string, argument: unknown, registry: Registry): Attempt {
  const { info } = Context.current()
  const { workflowExecution, workflowType, activityId, attempt, isLocal } = info
  const { step, thought } = (argument ?? {}) as { readonly step?: unknown; readonly thought?: unknown }
  return {
    tool: toolOf(name, thought, registry),
    playbook: workflowType !== undefined && registry.playbooks.has(workflowType) ? workflowType : 'unknown',
    workflowId: workflowExecution?.workflowId ?? '',
    runId: workflowExecution?.runId ?? '',
    // The id of a local activity is the SDK's own.
    step: isLocal && typeof step === 'string' ? step : activityId,
    attempt,
    local: isLocal,
  }
}

function toolOf(name: string, thought: unknown, registry: Registry): string {
  if (name === 'default') return 'unknown'
  if (name !== WIRE.activities.think) return name
  return typeof thought === 'string' && registry.thoughts.has(thought) ? thought : 'unknown'
}

/** Whether a write answered with what an attempt before this one recorded. `since`: when this one began, epoch ms. */
export const isRepeated = ({ receipt }: StepResult, since: number): boolean => Date.parse(receipt.at) < since

/** A meter that tells the observer of each call. */
export const observedMeter = (meter: RunMeter, thought: string, observer: Observer): RunMeter => ({
  spent: () => meter.spent(),
  async reserve(worst, what) {
    try {
      const reservation = await meter.reserve(worst, what)
      observer.modelCall?.({ thought, state: 'reserved' })
      return {
        async settle(used) {
          await reservation.settle(used)
          const { microUsd, inputTokens, outputTokens } = used
          observer.modelCall?.({ thought, state: 'settled', microUsd, inputTokens, outputTokens })
        },
      }
    } catch (error) {
      if (failureOf(error)?.code === 'model_budget_exceeded') observer.modelCall?.({ thought, state: 'refused' })
      throw error
    }
  },
})
