import type { Evidence, StepResult } from '../../src/contract/evidence.ts'
import { fail } from '../../src/contract/failures.ts'
import { deepFreeze } from '../../src/contract/json.ts'

/** How a step is told apart from others of the same tool, when several run at once. */
export interface StepName {
  /**
   * Part of the step id instead of a running number. Give it where steps of one tool run side by side and
   * each goes on by itself, since their order is then not fixed. 1 to 64 characters of `[A-Za-z0-9_-]`.
   */
  readonly as?: string
}

const STEP_NAME = /^[A-Za-z0-9_-]{1,64}$/

/** The steps of a run: their ids, which stay the same in every replay, and what they returned as evidence. */
export class Steps {
  readonly #counts = new Map<string, number>()
  readonly #ids = new Set<string>()
  readonly #evidence = new Map<object, Evidence>()
  #resumed = false

  /** Whether a step said that the run is not the first of its chain. */
  get resumed(): boolean {
    return this.#resumed
  }

  /** The id of the next step of a tool; fails with `input_invalid` on a name that is not one, or is taken. */
  next(tool: string, { as }: StepName): string {
    if (as !== undefined && !STEP_NAME.test(as)) throw fail('input_invalid', `\`${as}\` cannot be part of a step id`)
    const count = (this.#counts.get(tool) ?? 0) + 1
    if (as === undefined) this.#counts.set(tool, count)
    const id = `${tool}-${as ?? count}`
    if (this.#ids.has(id)) throw fail('input_invalid', `two steps of this run are named \`${id}\``)
    this.#ids.add(id)
    return id
  }

  /** Freezes what a step returned and remembers its receipt, so that it can be cited. */
  keep({ output, receipt, resumed }: StepResult): unknown {
    if (resumed === true) this.#resumed = true
    const frozen = deepFreeze(output)
    if (typeof frozen === 'object' && frozen !== null) this.#evidence.set(frozen, { receipt, output: frozen })
    return frozen
  }

  /** The evidence that an action cites; fails with `evidence_missing` on what no step of this run returned. */
  cite(step: string, because: readonly object[]): readonly Evidence[] {
    return because.map((cited) => {
      const found = this.#evidence.get(cited)
      if (found === undefined) {
        throw fail('evidence_missing', `\`${step}\` cites something that no step of this run returned`)
      }
      return found
    })
  }
}
