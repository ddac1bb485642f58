import type { Client } from '@temporalio/client'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pLimit, { type LimitFunction } from 'p-limit'
import { fail } from '../contract/failures.ts'
import type { Answer } from '../contract/run.ts'
import { GRPC, grpcOf } from './grpc.ts'

/** How a client sends decisions. */
export interface SendingOptions {
  /**
   * How many decisions, undos and resolutions of this client are on their way at once; the others wait for their turn.
   * Minimum: 1. Default: 100, since thousands at once make Temporal refuse and delay all of them.
   */
  readonly inFlight?: number
  /** How long a run may take to answer one, in milliseconds, from when it is sent for the first time. Default: 60,000. */
  readonly answerWithinMs?: number
}

/** One message to one run. */
export interface Sent {
  readonly workflowId: string
  readonly runId: string | undefined
  /** The name of the update. */
  readonly name: string
  /** Made once it is this message's turn; asked for again where it could not be made, as when the server is away. */
  readonly message: () => Promise<unknown>
  /** The same one twice is one message. Default: a random one, which is kept over all attempts of this call. */
  readonly updateId: string | undefined
}

/** Temporal answers an update that still waits for a worker after twenty seconds. */
const ATTEMPT_MS = 25_000
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000

/** The Temporal client retries these too, ten times; a server that restarts takes longer. */
const TRANSIENT: readonly number[] = [GRPC.deadlineExceeded, GRPC.resourceExhausted, GRPC.aborted, GRPC.unavailable]

/** Sends decisions to runs: a few at a time, each until it is answered or its time is over, each under one update id. */
export class Sender {
  readonly #client: Client
  readonly #answerWithinMs: number
  readonly #limit: LimitFunction

  constructor(client: Client, { inFlight = 100, answerWithinMs = 60_000 }: SendingOptions) {
    this.#client = client
    this.#answerWithinMs = answerWithinMs
    this.#limit = pLimit(inFlight)
  }

  /** Fails with `no_answer` when nobody has answered in time; what was sent may still arrive. */
  async send(sent: Sent): Promise<Answer> {
    return await this.#limit(() => this.#untilAnswered({ ...sent, updateId: sent.updateId ?? randomUUID() }))
  }

  async #untilAnswered(sent: Sent & { readonly updateId: string }): Promise<Answer> {
    const end = Date.now() + this.#answerWithinMs
    let made: { readonly message: unknown } | undefined
    const attempt = async (): Promise<Answer> => {
      made ??= { message: await sent.message() }
      return await this.#attempt(sent, made.message)
    }
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const deadline = Math.min(end, Date.now() + ATTEMPT_MS)
      try {
        return await this.#client.withDeadline(deadline, attempt)
      } catch (error) {
        if (!isTransient(error, deadline)) throw error
        if (Date.now() + pauseMs >= end) throw unanswered(this.#answerWithinMs, error)
        await delay(pauseMs)
      }
    }
  }

  /**
   * Waits for the answer and not for its acceptance, since handlers answer in the workflow task that accepts: one call
   * instead of two.
   */
  async #attempt(
    { workflowId, runId, name, updateId }: Sent & { readonly updateId: string },
    message: unknown,
  ): Promise<Answer> {
    const run = this.#client.workflow.getHandle(workflowId, runId)
    return await run.executeUpdate<Answer, [unknown]>(name, { args: [message], updateId })
  }
}

/** At the deadline it depends on who is first whether a call has run out of time or is cancelled. */
function isTransient(error: unknown, deadline: number): boolean {
  const code = grpcOf(error)?.code
  if (code === undefined) return false
  return TRANSIENT.includes(code) || (code === GRPC.cancelled && Date.now() >= deadline)
}

const unanswered = (withinMs: number, cause: unknown) =>
  fail(
    'no_answer',
    `No worker answered within ${withinMs / 1000} seconds; what was sent may still arrive.`,
    {},
    cause instanceof Error ? cause : undefined,
  )
