import { setTimeout as delay } from 'node:timers/promises'
import { CliError } from './errors.ts'
import { GRPC, grpcOf } from './grpc.ts'
import type { Session } from './session.ts'
import { whoAnswers } from './who-answers.ts'

const UPDATE_TIMEOUT_MS = 30_000
const QUERY_TIMEOUT_MS = 5_000
const RETRY_AFTER_MS = 500

/**
 * Sends an update to a run until it is answered, for 30 seconds. A connection that breaks is tried again: the caller
 * uses one update id throughout, so the run sees one message. Fails with `no_answer`, and says which worker is missing.
 */
export async function sendUpdate<T>(
  session: Session,
  workflowId: string,
  send: () => Promise<T>,
  timeoutMs = UPDATE_TIMEOUT_MS,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    try {
      return await session.connection.withDeadline(deadline, send)
    } catch (error) {
      const isTransient = grpcOf(error)?.code === GRPC.unavailable
      if (isTransient && Date.now() + RETRY_AFTER_MS < deadline) {
        await delay(RETRY_AFTER_MS)
        continue
      }
      if (!isTransient && !isTimeout(error)) throw error
      const who = await whoAnswers(session, workflowId).catch(() => 'Start a worker.')
      throw new CliError(
        'no_answer',
        `No worker answered within ${timeoutMs / 1000} seconds; what was sent may still arrive.`,
        `${who} Then look with \`countersign show\` before you send it again.`,
        { cause: error },
      )
    }
  }
}

/**
 * The update's error by name, since its class is in a module that is slow to load. At the deadline it depends on who
 * is first whether the call has run out of time or is cancelled.
 */
const isTimeout = (error: unknown): boolean => {
  if (error instanceof Error && error.name === 'WorkflowUpdateRPCTimeoutOrCancelledError') return true
  const code = grpcOf(error)?.code
  return code === GRPC.deadlineExceeded || code === GRPC.cancelled
}

/** Asks a run something that its worker has to answer; `undefined` when none does within five seconds. */
export async function askRun<T>({ connection }: Session, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, ask)
  } catch (error) {
    if (isTimeout(error)) return undefined
    // So says the server when no worker has polled lately.
    if (grpcOf(error)?.code === GRPC.failedPrecondition) return undefined
    throw error
  }
}
