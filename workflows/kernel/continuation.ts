import { condition, workflowInfo } from '@temporalio/workflow'
import type { Journal } from './journal.ts'

/** Thrown through the kernel, never through a playbook: the run goes on in another execution. */
export class ContinueRun extends Error {
  constructor() {
    super('the run goes on in another execution')
    this.name = 'ContinueRun'
  }
}

/**
 * When a run goes on in another execution: Temporal says that its history has become long, or that it has had many
 * updates, and nothing is under way that would be cut off. Waiting for people is nothing under way.
 */
export class Continuation {
  readonly journal: Journal
  #isOver = false

  constructor(journal: Journal) {
    this.journal = journal
  }

  /** Whether no new step should begin in this execution. */
  get isSuggested(): boolean {
    return workflowInfo().continueAsNewSuggested
  }

  get #isDue(): boolean {
    return this.isSuggested && this.journal.isIdle
  }

  /** From now on the playbook is over, and what is left waits in the kernel's own places. */
  playbookIsOver(): void {
    this.#isOver = true
  }

  get isDueAfterPlaybook(): boolean {
    return this.#isOver && this.#isDue
  }

  /** Resolves once the run is due to go on elsewhere while its playbook still goes. */
  async whenDue(): Promise<never> {
    await condition(() => !this.#isOver && this.#isDue)
    throw new ContinueRun()
  }
}
