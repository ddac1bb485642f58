import { CancellationScope, condition, currentUpdateInfo } from '@temporalio/workflow'
import { fail } from '../../src/contract/failures.ts'
import type { RunResult } from '../../src/contract/run.ts'
import { OUTCOME_UPDATE_ID } from '../../src/contract/wire.ts'
import type { Board } from './board.ts'

/** Temporal lets ten updates into a run at once. With the shared one, these leave five for decisions. */
const MAX_STRANGERS = 4

/** Who waits for the outcome of a run. */
export class Outcome {
  readonly #board: Board
  #strangers = 0
  #isLeaving = false

  constructor(board: Board) {
    this.#board = board
  }

  get isLeft(): boolean {
    return this.#isLeaving
  }

  /** Tells all who wait that the run goes on in another execution. */
  leave(): void {
    this.#isLeaving = true
  }

  /**
   * The handler of `outcome`. All callers of the client share one update id; of those who wait under ids of their own, the
   * fifth fails with `outcome_crowded`.
   */
  async wait(): Promise<RunResult> {
    if (currentUpdateInfo()?.id === OUTCOME_UPDATE_ID) return await this.#known()
    if (this.#board.result === null && this.#strangers >= MAX_STRANGERS) {
      throw fail(
        'outcome_crowded',
        `${MAX_STRANGERS} callers wait for the outcome already, each under an update id of its own`,
      )
    }
    this.#strangers++
    try {
      return await this.#known()
    } finally {
      this.#strangers--
    }
  }

  /** Whoever waits hears of a cancelled run too. */
  async #known(): Promise<RunResult> {
    await CancellationScope.nonCancellable(() => condition(() => this.#board.result !== null || this.#isLeaving))
    if (this.#board.result === null) throw fail('run_continued', 'the run goes on in another execution; ask again')
    return this.#board.result
  }
}
