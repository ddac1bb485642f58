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

  add(close: () => Promise<void>): void {
    this.#steps.push(close)
  }

  /** Closes everything, even when one step fails; throws the first failure then. */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
