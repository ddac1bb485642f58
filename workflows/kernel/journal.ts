import type { Entry } from '../../src/contract/carried.ts'
import { fail, failureOf } from '../../src/contract/failures.ts'
import type { Json, JsonObject } from '../../src/contract/json.ts'
import { textOf } from '../../src/contract/text.ts'
import { SUMMARIES } from '../../src/contract/summaries.ts'
import { condition, isCancellation } from '@temporalio/workflow'

/** How long an entry waits for those before it. */
const TURN_MS = 10_000

/**
 * What a run asked for and what it came to, in order. In an execution that goes on after another one the playbook is gone
 * through again: what the journal has is not asked for again, and what it does not have is.
 */
export class Journal {
  readonly #entries: Entry[] = []
  #restored: Entry[] = []
  #underWay = 0
  /** Until something that came before is not asked for any more. */
  #isOrdered = true

  /** Fills in what an earlier execution had. */
  restore(entries: readonly Entry[]): void {
    this.#restored = [...entries]
  }

  /** All entries, those that were restored and not come to yet among them. */
  get entries(): readonly Entry[] {
    return [...this.#entries, ...this.#restored]
  }

  /** Whether nothing is being asked for right now. */
  get isIdle(): boolean {
    return this.#underWay === 0
  }

  /** Whether an earlier execution came to something under this id that was not taken yet. */
  has(id: string): boolean {
    return this.#restored.some((entry) => entry.id === id)
  }

  /**
   * What an earlier execution came to under this id, once for each time that it was asked for; `undefined`: nothing. It is
   * handed out when its turn comes: in the order in which it came, so that races end as they ended. What is not asked for
   * any more, as where a playbook goes by the time, holds the others up for a while only.
   */
  async take(id: string): Promise<Json | undefined> {
    if (!this.has(id)) return undefined
    if (!this.#isNext(id)) {
      const isItsTurn = await condition(() => this.#isNext(id), TURN_MS, { summary: SUMMARIES.turn })
      if (!isItsTurn) this.#isOrdered = false
    }
    const [entry] = this.#restored.splice(
      this.#restored.findIndex((one) => one.id === id),
      1,
    ) as [Entry]
    this.#entries.push(entry)
    const { came } = entry
    if ('failure' in came) throw fail(came.failure.code, came.failure.message, came.failure.details)
    return came.to
  }

  note(id: string, came: unknown): void {
    this.#entries.push({ id, came: { to: came as Json } })
  }

  #isNext(id: string): boolean {
    return !this.#isOrdered || this.#restored[0]?.id === id
  }

  /** Asks for something once in the life of a run. `isOf`: whether what an earlier execution came to was asked for with this. */
  async once<T>(id: string, ask: () => Promise<T>, isOf: (came: Json) => boolean): Promise<T> {
    const known = this.has(id) ? await this.take(id) : undefined
    if (known !== undefined) {
      if (isOf(known)) return known as T
      throw fail(
        'playbook_failed',
        `\`${id}\` was asked something else before the run went on: name steps that run side by side`,
      )
    }
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
