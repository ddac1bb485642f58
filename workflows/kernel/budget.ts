import { CancellationScope, CancelledFailure } from '@temporalio/workflow'
import type { ModelSpend, SpentCall, ThinkCall } from '../../src/contract/calls.ts'
import { valueOfRun } from '../../src/contract/derive.ts'
import type { StepResult } from '../../src/contract/evidence.ts'
import { failureOf } from '../../src/contract/failures.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import { amountText, type ApprovedRaise, type Limit, type Raise, raiseText } from '../../src/contract/raise.ts'
import { textOf } from '../../src/contract/text.ts'
import type { ReadTool } from '../../src/contract/tool.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { SUMMARIES } from '../../src/contract/summaries.ts'
import { capOf, valueCapsOf } from '../../src/policy/decide/caps.ts'
import { requirementOf } from '../../src/policy/decide/requirements.ts'
import type { Caps, OpenedRun } from '../../src/policy/types.ts'
import type { Approvals } from './approvals.ts'
import type { Board } from './board.ts'
import { type Dispatcher, hostOptions } from './dispatch.ts'
import { answerOrEnd, type End, endOf, type EndOfRun, endState, endWith } from './ends.ts'

interface Parts {
  readonly board: Board
  readonly approvals: Approvals
  readonly dispatcher: Dispatcher
  /** The end that was decided for the run, if any, and how one is decided. */
  readonly end: () => End | undefined
  readonly ends: (end: End) => EndOfRun
}

/**
 * What a run may still use. Tool calls are counted here. Model spend is counted in the ledger, where the host reserves
 * it before each call: the kernel only hears of it, and carries what raises the cap, value and approvals, to the host.
 */
export class Budget {
  readonly #opened: OpenedRun
  readonly #contract: PlaybookContract
  readonly #parts: Parts
  readonly #raises: Readonly<Record<Limit, ApprovedRaise[]>> = { model_budget: [], tool_calls: [] }
  #caps: Caps
  #value: Pick<ThinkCall, 'value'> | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #isUntold = false

  constructor(opened: OpenedRun, contract: PlaybookContract, parts: Parts) {
    this.#opened = opened
    this.#contract = contract
    this.#parts = parts
    this.#caps = opened.policy
  }

  /** The first result of the read that the contract names tells what the run is worth, for good. */
  see(tool: ReadTool, { output, receipt }: StepResult): void {
    if (this.#value !== undefined || tool.name !== this.#contract.value?.of.name) return
    const caps = valueCapsOf(this.#opened.policy, valueOfRun(this.#contract, output))
    this.#value = caps === undefined ? {} : { value: { output, receipt } }
    this.#caps = caps ?? this.#caps
  }

  /** What raises the cap of the model budget, for the host to see. */
  get shown(): Pick<ThinkCall, 'value' | 'raises'> {
    const raises = this.#raises.model_budget
    return { ...this.#value, ...(raises.length === 0 ? {} : { raises }) }
  }

  /** Counts a read or a write, once a step. `false`: it is past the cap. */
  countToolCall(): boolean {
    const { board } = this.#parts
    const cap = this.#cap('tool_calls')
    if (cap !== null && board.spend.toolCalls >= cap) return false
    board.spend = { ...board.spend, toolCalls: board.spend.toolCalls + 1 }
    return true
  }

  /** Has a tool call past the cap counted once people raised it; otherwise throws the end of the run. */
  async admitToolCall(step: string): Promise<void> {
    // One after the other, so that a raise that is enough for several steps is asked for once.
    const mine = this.#turn.then(async () => {
      while (!this.countToolCall()) await this.#raise('tool_calls', step, 1)
    })
    this.#turn = mine.catch(() => {})
    await mine
  }

  /** Hears from a thought what the run has spent. */
  spent({ spent }: { readonly spent?: unknown }): void {
    if (spent !== undefined) this.#tell(spent as ModelSpend)
  }

  /**
   * Hears of a thought that failed. Returns when it can be asked again: it went beyond the cap, and people raised it.
   * Otherwise throws the error, or the end of the run.
   */
  async failed(step: string, isPlain: boolean, error: unknown): Promise<void> {
    const failure = failureOf(error)
    const spent = failure?.details['spent']
    this.spent({ spent })
    // A model that timed out or was cancelled may have cost, and tells nothing.
    if (spent === undefined && !isPlain) this.#isUntold = true
    if (failure?.code !== 'model_budget_exceeded' || this.#cap('model_budget') === null) throw error
    await this.#raise('model_budget', step, countIn(failure.details['worstCaseMicroUsd']))
  }

  /** Whether a thought ended without saying what the run has spent. */
  get isUntold(): boolean {
    return this.#isUntold
  }

  /** Asks the ledger for what thoughts left untold. Never fails: what was done has to be settled, counted or not. */
  async askLedger(): Promise<void> {
    this.#isUntold = false
    const call: SpentCall = { runKey: this.#opened.runKey }
    const { dispatcher } = this.#parts
    const options = hostOptions(SUMMARIES.spent)
    try {
      this.#tell(await dispatcher.local<ModelSpend>(WIRE.activities.spent, call, options))
    } catch (error) {
      this.#parts.board.note('note', `the ledger did not tell what this run spent: ${textOf(error)}`)
    }
  }

  #tell(spent: ModelSpend): void {
    const { board } = this.#parts
    board.spend = {
      ...board.spend,
      modelMicroUsd: countIn(spent.modelMicroUsd),
      inputTokens: countIn(spent.inputTokens),
      outputTokens: countIn(spent.outputTokens),
    }
  }

  /** The cap in force. */
  #cap(limit: Limit): number | null {
    const cap = capOf(this.#caps, limit)
    return cap === null ? null : Math.max(cap, ...this.#raises[limit].map(({ raise }) => raise.to))
  }

  /** Has people raise a cap, where the policy says so. */
  async #raise(limit: Limit, neededBy: string, needs: number): Promise<void> {
    const { board, approvals: asking, ends } = this.#parts
    const { runKey, policyDigest, policy } = this.#opened
    const isCancelled = CancellationScope.current().consideredCancelled
    const over = this.#parts.end() ?? (isCancelled ? endOf(new CancelledFailure('the run was cancelled')) : undefined)
    if (over !== undefined) throw ends(over)

    const from = this.#cap(limit) ?? 0
    const { onExceeded } = policy.budget
    if (onExceeded !== 'ask') throw ends(overBudget(limit, from, endState(onExceeded)))
    const raise: Raise = {
      runKey,
      step: `${limit}-${this.#raises[limit].length + 1}`,
      limit,
      from,
      to: from + (capOf(this.#caps, limit) ?? 0),
      used: limit === 'tool_calls' ? board.spend.toolCalls : board.spend.modelMicroUsd,
      neededBy,
      needs,
      policyDigest,
    }
    const describe = raiseText(raise)
    const { expiresMinutes, onTimeout } = policy.approvals
    const question = { about: 'limit', raise } as const
    const answered = await asking.ask({ question, describe, requires: [requirementOf(policy)], expiresMinutes })
    const answer = answerOrEnd(answered, describe, onTimeout)
    if ('because' in answer) throw ends(answer)
    // Nothing about a raise can be changed, so this is all that is left.
    if ('approvals' in answer) this.#raises[limit].push({ raise, approvals: answer.approvals })
  }
}

const overBudget = (limit: Limit, cap: number, state: End['state']): End =>
  limit === 'tool_calls'
    ? endWith(state, 'tool_budget_exceeded', `the policy allows ${cap} tool calls, and the run needs another one`)
    : endWith(
        state,
        'model_budget_exceeded',
        `the model budget of ${amountText(limit, cap)} does not cover another call`,
      )

/** A count as the host says it, which an attempt completed by a stranger may not. */
const countIn = (value: unknown): number => (Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : 0)
