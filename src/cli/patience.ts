import { codeOf, failureOf } from '../contract/failures.ts'
import { GRPC, grpcOf } from '../client/grpc.ts'
import { CliError } from './errors.ts'
import type { Session } from './session.ts'
import { whoAnswers } from './who-answers.ts'

const QUERY_TIMEOUT_MS = 5_000

/** Sends a decision through the session's client. Where nobody answers in time, `no_answer` says which worker is missing. */
export async function sendUpdate<T>(session: Session, workflowId: string, send: () => Promise<T>): Promise<T> {
  try {
    return await send()
  } catch (error) {
    if (codeOf(error) !== 'no_answer') throw error
    const who = await whoAnswers(session, workflowId).catch(() => 'Start a worker.')
    throw new CliError(
      'no_answer',
      failureOf(error)?.message ?? '',
      `${who} Then look with \`countersign show\` before you send it again.`,
      { cause: error },
    )
  }
}

/** Some calls that run out of time are cancelled: it depends on who is first. */
const isTimeout = (error: unknown): boolean => {
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
