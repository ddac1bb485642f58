import type { CountersignClient } from '../src/client/index.ts'
import type { refundRequest } from '../workflows/refund-request.ts'
import { caseOf, type Waiting } from './case.ts'
import type { WorkerProcess } from './worker-process.ts'

/** How many starts are on their way at once. */
const STARTING = 50

/** Starts the shipped `refund_request` on so many orders, and waits until each run is blocked on its approval. */
export async function blockRuns(
  client: CountersignClient,
  worker: WorkerProcess,
  runs: number,
): Promise<readonly Waiting[]> {
  const waiting: Promise<Waiting>[] = []
  const principal = { subject: 'bench', workspace: 'bench' }
  let number = 0
  const lane = async (): Promise<void> => {
    while (number < runs) {
      const order = ++number
      const workflowId = `waiting-${order}`
      waiting.push(worker.waiting(workflowId))
      await client.start<typeof refundRequest>('refund_request', caseOf(order), { workflowId, principal })
    }
  }
  await Promise.all(Array.from({ length: STARTING }, lane))
  return await Promise.all(waiting)
}
