/**
 * The job on DBOS, as a process of its own. DBOS is a library, so this is engine and application in one, behind the two
 * routes that such an application has: `POST /refunds/<id>` answers with the outcome, `POST /refunds/<id>/approve`
 * approves.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { DBOS } from '@dbos-inc/dbos-sdk'
import type { BenchCase } from '../case.ts'
import { refundJob } from '../workflows/job.ts'
import { database, db, port, ready, tellWaiting } from './app.ts'
import { type DurableStep, durableSteps } from './durable-steps.ts'

const DAY_SECONDS = 86_400

const step: DurableStep = (name, run) => DBOS.runStep(run, { name, retriesAllowed: true, maxAttempts: 5 })

const refund = DBOS.registerWorkflow(
  async (input: BenchCase) => {
    const workflowId = DBOS.workflowID ?? ''
    return refundJob(input, durableSteps(db, workflowId, step), async () => {
      tellWaiting(workflowId, 'refund')
      const approved = await DBOS.recv<boolean>('approve', { timeoutSeconds: DAY_SECONDS })
      if (approved !== true) throw new Error(`${workflowId}: not approved`)
    })
  },
  { name: 'refund' },
)

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: database,
  // Twice the default, for 50 runs at a time.
  systemDatabasePoolSize: 20,
  // No queue of ours to poll.
  listenQueues: [],
  logLevel: 'error',
})
await DBOS.launch()

async function answer(request: IncomingMessage): Promise<unknown> {
  const [, , workflowID = '', verb] = (request.url ?? '').split('/')
  if (verb === 'approve') return DBOS.send(workflowID, true, 'approve')
  const handle = await DBOS.startWorkflow(refund, { workflowID })((await json(request)) as BenchCase)
  return handle.getResult()
}

const server = createServer((request, response) => {
  answer(request).then(
    (result) => response.end(JSON.stringify(result ?? null)),
    (error: unknown) => response.writeHead(500).end(String(error)),
  )
})
server.listen(port, '127.0.0.1', () =>
  ready(async () => {
    await DBOS.shutdown()
    await db.destroy()
  }),
)
