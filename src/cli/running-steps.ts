import type { Attempt, Observer } from '../worker/observer.ts'

/** Steps that a message names, at most. */
const NAMED = 5

/** Keeps the attempts that run now. */
export class RunningSteps {
  readonly #since = new Map<Attempt, number>()

  readonly observer: Observer = {
    began: (attempt) => void this.#since.set(attempt, performance.now()),
    ended: (attempt) => void this.#since.delete(attempt),
  }

  /** `billing.refund (billing.refund-1 of refund-7, for 14 s)`, the longest first; `nothing`. */
  text(): string {
    const running = [...this.#since].map(([{ tool, step, workflowId }, since]) => {
      const seconds = Math.round((performance.now() - since) / 1000)
      return `${tool} (${step} of ${workflowId}, for ${seconds} s)`
    })
    const more = running.length > NAMED ? [`${running.length - NAMED} more`] : []
    return [...running.slice(0, NAMED), ...more].join(', ') || 'nothing'
  }
}
