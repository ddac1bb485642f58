import { setTimeout as delay } from 'node:timers/promises'
import { EXIT } from './exit.ts'
import { say } from './terminal.ts'

/** The wish of a person or a supervisor that a command comes to its end. */
export interface Stopping {
  /** Settles at the first SIGINT or SIGTERM. */
  readonly asked: Promise<void>
  readonly isAsked: () => boolean
}

/** Listens for SIGINT and SIGTERM. The first one asks, the second one ends the process at once. */
export function listenForStop(message: string): Stopping {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  let isAsked = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isAsked) {
      say(`${signal} again: ended without waiting`)
      process.exit(EXIT.couldNotRun)
    }
    isAsked = true
    say(`${signal}: ${message} (once more ends at once)`)
    resolve(undefined)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return { asked: promise, isAsked: () => isAsked }
}

/** What was opened and has to be closed, last first. */
export class Closing {
  readonly #steps: (() => Promise<void>)[] = []
  readonly #failures: unknown[] = []

  add(close: () => Promise<void>): void {
    this.#steps.push(close)
  }

  /** Closes everything, even when one step fails; throws the first failure then. */
  async close(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        this.#failures.push(error)
      }
    }
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  /** As `close`, but gives up after a time: a connection that a stuck step holds never comes back. */
  async closeWithin(ms: number): Promise<void> {
    const tooLate = delay(ms, 'late' as const, { ref: false })
    if ((await Promise.race([this.close(), tooLate])) !== 'late') return
    if (this.#failures.length > 0) throw this.#failures[0]
    throw new Error(`not everything could be closed within ${ms / 1000} seconds`)
  }
}
