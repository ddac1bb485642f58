import { Client, type Connection } from '@temporalio/client'
import { CountersignClient, type StatementSource } from '../src/client/index.ts'
import type { Waiting } from './case.ts'

/** What became of the decisions. */
export interface Decided {
  /** When each was sent for the first time, by workflow id: milliseconds since 1970. */
  readonly sentAt: ReadonlyMap<string, number>
  /** Sent to answered, in ascending order. The time in which a decision waits for its turn in the client is no part of it. */
  readonly latenciesMs: readonly number[]
  /** Answered with yes. */
  readonly acknowledged: number
  /** How many were on their way at once, at most. */
  readonly mostInFlight: number
  /** First one sent to last one answered. */
  readonly wallMs: number
}

/** Approves all at once, as a service may that knows nothing of limits: the client holds them back. */
export async function decideAll(
  connection: Connection,
  asked: readonly Waiting[],
  { inFlight, statements }: { readonly inFlight: number; readonly statements: StatementSource },
): Promise<Decided> {
  const sentAt = new Map<string, number>()
  const latenciesMs: number[] = []
  let [now, mostInFlight, acknowledged] = [0, 0, 0]
  const temporal = new Client({
    connection,
    interceptors: {
      workflow: [
        {
          async startUpdate(input, next) {
            const { workflowId } = input.workflowExecution
            if (!sentAt.has(workflowId)) sentAt.set(workflowId, Date.now())
            mostInFlight = Math.max(mostInFlight, ++now)
            return await next(input).finally(() => now--)
          },
        },
      ],
    },
  })
  // One that is stuck is to show as a latency and not as an error.
  const client = new CountersignClient(temporal, { inFlight, statements, answerWithinMs: 600_000 })
  const began = performance.now()
  await Promise.all(
    asked.map(async ({ workflowId, step, digest }) => {
      const said = { step, decision: 'approve', by: 'dana', comment: '', actionDigest: digest } as const
      const answer = await client.run(workflowId).decide(said, `approval-of-${workflowId}`)
      latenciesMs.push(Date.now() - (sentAt.get(workflowId) ?? Number.NaN))
      if (answer.accepted) acknowledged++
    }),
  )
  const wallMs = performance.now() - began
  return { sentAt, latenciesMs: latenciesMs.toSorted((a, b) => a - b), acknowledged, mostInFlight, wallMs }
}
