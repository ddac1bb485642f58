import {
  ActivityCancellationType,
  type ActivityOptions,
  type LocalActivityOptions,
  proxyActivities,
  proxyLocalActivities,
  workflowInfo,
} from '@temporalio/workflow'
import { failureOf, failureRule } from '../../src/contract/failures.ts'
import { MAX_LOCAL_RESULT_BYTES } from '../../src/contract/limits.ts'
import type { ReadTool, Retry, Thought, WriteTool } from '../../src/contract/tool.ts'

type Activities = Record<string, (argument: unknown) => Promise<unknown>>

/** Calls an activity type with one argument, and types its answer. */
export async function activity<T>(type: string, argument: unknown, options: ActivityOptions): Promise<T> {
  const call = proxyActivities<Activities>(options)[type] as Activities[string]
  return (await call(argument)) as T
}

export async function localActivity<T>(type: string, argument: unknown, options: LocalActivityOptions): Promise<T> {
  const call = proxyLocalActivities<Activities>(options)[type] as Activities[string]
  return (await call(argument)) as T
}

const retryPolicy = (retry: Retry, nonRetryable: readonly string[] = []) => ({
  maximumAttempts: retry.maximumAttempts,
  initialInterval: retry.initialIntervalMs,
  maximumInterval: retry.maximumIntervalMs,
  backoffCoefficient: retry.backoffCoefficient,
  nonRetryableErrorTypes: [...nonRetryable],
})

/** The activity options of a step: everything but its name comes from the contract. */
export const stepOptions = (
  contract: ReadTool | WriteTool | Thought,
  activityId: string,
  summary: string,
): ActivityOptions => ({
  activityId,
  summary: summary.slice(0, 180),
  startToCloseTimeout: contract.startToCloseMs,
  ...(contract.heartbeatMs === undefined ? {} : { heartbeatTimeout: contract.heartbeatMs }),
  retry: retryPolicy(contract.retry, contract.kind === 'think' ? [] : contract.nonRetryable),
  // A write is waited for: a compensation must not race the step that it compensates.
  cancellationType:
    contract.kind === 'write'
      ? ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
      : ActivityCancellationType.TRY_CANCEL,
})

/** The options of an undo: no schedule-to-close, since giving up on a compensation is an operator's decision. */
export const undoOptions = (tool: WriteTool, activityId: string, summary: string): ActivityOptions => ({
  activityId,
  summary: summary.slice(0, 180),
  startToCloseTimeout: tool.undo?.startToCloseMs ?? tool.startToCloseMs,
  retry: retryPolicy(tool.undo?.retry ?? tool.retry),
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
})

/** The kernel's own bookkeeping on the host: tried until the database answers. */
export const hostOptions = (summary: string): LocalActivityOptions => ({
  summary,
  startToCloseTimeout: 10_000,
  retry: { initialInterval: 200, maximumInterval: 10_000, backoffCoefficient: 2 },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
})

const LOCAL_READ: LocalActivityOptions = {
  startToCloseTimeout: 2_000,
  retry: { maximumAttempts: 2, initialInterval: 50 },
  cancellationType: ActivityCancellationType.TRY_CANCEL,
}

/** Three results of 1.5 MB in one workflow task terminate a run (measured on server 1.32); one MB is far below. */
const MAX_LOCAL_BYTES_PER_TASK = 1_000_000

/**
 * Runs reads whose contract allows it as local activities, within their limits, and every other one, or one
 * that a local attempt could not do, as an ordinary activity.
 */
export class Reader {
  #task = -1
  #bytes = 0

  async read<T>(tool: ReadTool, argument: unknown, options: ActivityOptions): Promise<T> {
    if (tool.local && this.#reserve()) {
      try {
        return await localActivity<T>(tool.name, argument, {
          ...LOCAL_READ,
          ...(options.summary === undefined ? {} : { summary: options.summary }),
        })
      } catch (error) {
        if (!mayWorkAsActivity(error)) throw error
      }
    }
    return await activity<T>(tool.name, argument, options)
  }

  /** Reserves the largest result there may be: what a task holds must be known before it is asked for. */
  #reserve(): boolean {
    // The history grows exactly when a new workflow task begins, and the same in every replay.
    const task = workflowInfo().historyLength
    if (task !== this.#task) {
      this.#task = task
      this.#bytes = 0
    }
    if (this.#bytes + MAX_LOCAL_RESULT_BYTES > MAX_LOCAL_BYTES_PER_TASK) return false
    this.#bytes += MAX_LOCAL_RESULT_BYTES
    return true
  }
}

/** Too slow, too large or not answered: yes. Refused, not found, cancelled: no. */
function mayWorkAsActivity(error: unknown): boolean {
  const code = failureOf(error)?.code
  if (code !== undefined) return code === 'result_too_large' || failureRule(code).retryable
  return isTimeout(error)
}

const isTimeout = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  ((error as Error).name === 'TimeoutFailure' || isTimeout((error as Error).cause))
