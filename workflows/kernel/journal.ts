import type { Entry } from '../../src/contract/carried.ts'
import { fail, failureOf } from '../../src/contract/failures.ts'
import type { Json, JsonObject } from '../../src/contract/json.ts'
import { textOf } from '../../src/contract/text.ts'
import { isCancellation } from '@temporalio/workflow'

/**
 * What a run asked for and what it came to, in order. In an execution that goes on after another one the playbook is gone
 * through again: what the journal has is not asked for again, and what it does not have is.
 */
export class Journal {
  readonly #entries: Entry[] = []
  readonly #known = new Map<string, Entry[]>()
  #underWay = 0

  /** Fills in what an earlier execution had. */
  restore(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const same = this.#known.get(entry.id)
      if (same === undefined) this.#known.set(entry.id, [entry])
      else same.push(entry)
    }
  }

  /** All entries, those that were restored and not come to yet among them. */
  get entries(): readonly Entry[] {
    return [...this.#entries, ...[...this.#known.values()].flat()]
  }

  /** Whether nothing is being asked for right now. */
  get isIdle(): boolean {
    return this.#underWay === 0
  }

  /** What an earlier execution came to under this id, once for each time that it was asked for. */
  take(id: string): Json | undefined {
    const entry = this.#known.get(id)?.shift()
    if (entry === undefined) return undefined
    this.#entries.push(entry)
    const { came } = entry
    if ('failure' in came) throw fail(came.failure.code, came.failure.message, came.failure.details)
    return came.to
  }

  note(id: string, came: unknown): void {
    this.#entries.push({ id, came: { to: came as Json } })
  }

  /** Asks for something once in the life of a run. */
  async once<T>(id: string, ask: () => Promise<T>): Promise<T> {
    const known = this.take(id)
    if (known !== undefined) return known as T
    try {
      const result = await this.during(ask)
      this.note(id, result)
      return result
    } catch (error) {
      if (!isCancellation(error)) {
        const failure = failureOf(error) ?? { code: 'platform_failed', message: textOf(error), details: {} }
        this.#entries.push({ id, came: { failure: { ...failure, details: failure.details as JsonObject } } })
      }
      throw error
    }
  }

  /** Asks for something that is asked for anew in each execution. */
  async during<T>(ask: () => Promise<T>): Promise<T> {
    this.#underWay++
    try {
      return await ask()
    } finally {
      this.#underWay--
    }
  }
}
