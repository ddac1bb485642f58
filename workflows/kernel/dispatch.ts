import {
  ActivityCancellationType,
  type ActivityOptions,
  type LocalActivityOptions,
  proxyActivities,
  proxyLocalActivities,
  sleep,
} from '@temporalio/workflow'
import { inputDigestOf } from '../../src/contract/action.ts'
import { Bulk } from '../../src/contract/bulk.ts'
import type { Answers } from '../../src/contract/answers.ts'
import type { Receipt } from '../../src/contract/evidence.ts'
import { fail, failureOf, failureRule } from '../../src/contract/failures.ts'
import {
  BULK_CHARACTERS,
  MAX_ARGUMENT_CHARACTERS,
  MAX_INPUT_CHARACTERS,
  MAX_LOCAL_RESULT_BYTES,
  MAX_TASK_CHARACTERS,
} from '../../src/contract/limits.ts'
import type { Json } from '../../src/contract/json.ts'
import { shortened } from '../../src/contract/plain-text.ts'
import type { ReadTool, Retry, Thought, WriteTool } from '../../src/contract/tool.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { SUMMARIES } from '../../src/contract/summaries.ts'
import type { Journal } from './journal.ts'

const ignore = (): void => {}

type Activities = Record<string, (argument: unknown) => Promise<unknown>>

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
  summary: shortened(summary, 180),
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
  summary: shortened(summary, 180),
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

/**
 * Schedules activities, within what Temporal carries. What only reads and is quick runs as a local activity, within its
 * limits, and everything else, or what a local attempt could not do, as an ordinary activity.
 */
export class Dispatcher {
  readonly #journal: Journal
  readonly #beforeWaiting: (isBrief: boolean) => void
  /**
   * Since the last activity or timer that was waited for, with which a new workflow task began. There are more of them,
   * but a replay puts them together: what it is told of the task, such as the length of the history, may differ.
   */
  #carried = 0
  /** The local activity that was asked for last. */
  #local: Promise<void> = Promise.resolve()
  #taskAt = 0

  /**
   * `beforeWaiting` is called before each ordinary activity, since with it the workflow task may end, and told whether
   * the wait is a brief one.
   */
  constructor(journal: Journal, beforeWaiting: (isBrief: boolean) => void) {
    this.#journal = journal
    this.#beforeWaiting = beforeWaiting
  }

  /**
   * Calls an activity type with one argument, once under its activity id; `isBrief`: it is over in a moment. Fails with `input_invalid` on an argument too large to carry, with
   * `tool_unavailable` or `model_unavailable` when the last attempt ran out of time, and with `completion_invalid` on what
   * no host answers.
   */
  activity<T>(
    type: string,
    argument: unknown,
    options: ActivityOptions,
    answers: Answers<T>,
    isBrief = false,
  ): Promise<T> {
    return this.#journal.once(
      idOf(options),
      () => this.#activity(type, argument, options, answers, isBrief),
      sameInput(argument),
    )
  }

  async #activity<T>(
    type: string,
    argument: unknown,
    options: ActivityOptions,
    answers: Answers<T>,
    isBrief = false,
  ): Promise<T> {
    const length = carriedLength(type, argument)
    // What does not fit into this workflow task waits for the next one, which a timer brings about. What is large is kept
    // beside the history, and does not count.
    const isBulk = length > BULK_CHARACTERS
    while (!this.#fits(isBulk ? 0 : length)) {
      await sleep(1, { summary: SUMMARIES.room })
      this.#taskBegan()
    }
    this.#beforeWaiting(isBrief)
    const call = proxyActivities<Activities>(options)[type] as Activities[string]
    let answer: unknown
    try {
      answer = await call(isBulk ? new Bulk(argument) : argument)
    } catch (error) {
      throw outOfTime(error) ? late(type) : error
    } finally {
      this.#taskBegan()
    }
    if (answers(answer)) return answer
    // A local activity cannot be completed by anybody else, so only this one is looked at.
    throw fail('completion_invalid', `\`${options.activityId}\` was completed with what no host answers`)
  }

  /**
   * One at a time: what ended one after the other is told one after the other, and a replay tells at once all that had been asked for, so
   * that what follows from the one could come before what follows from the other.
   */
  local<T>(type: string, argument: unknown, options: LocalActivityOptions): Promise<T> {
    const call = proxyLocalActivities<Activities>(options)[type] as Activities[string]
    const before = this.#local
    const ended = this.#journal.during(async () => {
      await before
      return (await call(argument)) as T
    })
    this.#local = ended.then(ignore, ignore)
    return ended
  }

  /**
   * Once under its activity id: as a local activity where `isLocal`, and as an ordinary one when that was too slow, too
   * large or not answered.
   */
  read<T>(
    type: string,
    isLocal: boolean,
    argument: unknown,
    options: ActivityOptions,
    answers: Answers<T>,
  ): Promise<T> {
    return this.#journal.once(
      idOf(options),
      () => this.#read(type, isLocal, argument, options, answers),
      sameInput(argument),
    )
  }

  async #read<T>(
    type: string,
    isLocal: boolean,
    argument: unknown,
    options: ActivityOptions,
    answers: Answers<T>,
  ): Promise<T> {
    // The largest result there may be: what a task holds must be known before it is asked for.
    if (isLocal && this.#fits(MAX_LOCAL_RESULT_BYTES)) {
      try {
        return await this.local<T>(type, argument, {
          ...LOCAL_READ,
          ...(options.summary === undefined ? {} : { summary: options.summary }),
        })
      } catch (error) {
        if (!mayWorkAsActivity(error)) throw error
      }
    }
    return await this.#activity(type, argument, options, answers)
  }

  /** What ended at once is told in one task, and at one time. */
  #taskBegan(): void {
    if (Date.now() === this.#taskAt) return
    this.#taskAt = Date.now()
    this.#carried = 0
  }

  #fits(characters: number): boolean {
    if (this.#carried + characters > MAX_TASK_CHARACTERS) return false
    this.#carried += characters
    return true
  }
}

/** Whether a result with a receipt is of this input. What has no receipt is not looked at. */
const sameInput =
  (argument: unknown) =>
  (came: Json): boolean => {
    const { receipt } = (came ?? {}) as { readonly receipt?: Receipt }
    const { input = null } = argument as { readonly input?: Json }
    return receipt === undefined || receipt.inputDigest === inputDigestOf(receipt.tool, input)
  }

/** How long an argument is; fails with `input_invalid` when it, or the input in it, is too long to be carried. */
function carriedLength(type: string, argument: unknown): number {
  const { length } = JSON.stringify(argument)
  const refuse = (what: string): Error => fail('input_invalid', `\`${type}\` is called with ${what} are carried`)
  if (length > MAX_ARGUMENT_CHARACTERS) {
    throw refuse(`${length} characters, evidence included; at most ${MAX_ARGUMENT_CHARACTERS}`)
  }
  if (length > MAX_INPUT_CHARACTERS) {
    const input = JSON.stringify((argument as { readonly input?: Json }).input ?? null).length
    if (input > MAX_INPUT_CHARACTERS) throw refuse(`an input of ${input} characters; at most ${MAX_INPUT_CHARACTERS}`)
  }
  return length
}

/** The kernel names every activity of a step. */
const idOf = ({ activityId }: ActivityOptions): string => String(activityId)

/** Too slow, too large or not answered: yes. Refused, not found, cancelled: no. */
function mayWorkAsActivity(error: unknown): boolean {
  const code = failureOf(error)?.code
  if (code !== undefined) return code === 'result_too_large' || failureRule(code).retryable
  return isTimeout(error)
}

/** Temporal ends an attempt without a word of the host's: no code of ours is in it. */
const outOfTime = (error: unknown): boolean => failureOf(error) === undefined && isTimeout(error)

const late = (type: string): Error =>
  fail(
    type === WIRE.activities.think ? 'model_unavailable' : 'tool_unavailable',
    `\`${type}\` did not answer within its time, in any attempt`,
  )

const isTimeout = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  ((error as Error).name === 'TimeoutFailure' || isTimeout((error as Error).cause))
