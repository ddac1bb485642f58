import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { freePort, LOOPBACK } from '../../src/embedded/ports.ts'
import { type BenchCase, caseOf, type Waiting } from '../case.ts'
import type { Processes, Stage } from '../stage.ts'
import type { Variant } from '../variants.ts'
import { startApp } from '../worker-process.ts'
import { startRestate } from './restate-server.ts'

async function post(url: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(url, {
    method: 'POST',
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

/** What a variant of `peer` posts: a request that answers with the outcome, and one that approves. */
interface Requests {
  start(workflowId: string, input: BenchCase): Promise<unknown>
  approve(waiting: Waiting): Promise<unknown>
}

const peer = (name: string, processes: Processes, { start, approve }: Requests): Variant => ({
  name,
  processes,
  async run(number) {
    const workflowId = `peer-${randomUUID()}`
    const approved = processes.worker.waiting(workflowId).then(approve)
    const [outcome] = await Promise.all([start(workflowId, caseOf(number)), approved])
    if (typeof (outcome as { refundId?: unknown } | undefined)?.refundId !== 'string') {
      throw new Error(`${name}: ${workflowId} ended with ${JSON.stringify(outcome)}`)
    }
    return workflowId
  },
})

/** Starts both engines and their applications beside the stage. */
export async function openPeers(
  stage: Stage,
): Promise<{ readonly variants: readonly Variant[]; readonly stop: () => Promise<void> }> {
  const appOf = async (script: string) => {
    const port = await freePort()
    const worker = await startApp(join(import.meta.dirname, script), { port: String(port), database: stage.database })
    return { worker, url: `http://${LOOPBACK}:${port}` }
  }
  const dbos = await appOf('dbos-app.ts')
  const restate = await appOf('restate-app.ts')
  const server = await startRestate(stage.dir)
  await server.register(restate.url)
  const { ingress } = server

  const variants = [
    peer(
      'DBOS',
      { server: undefined, worker: dbos.worker },
      {
        start: (workflowId, input) => post(`${dbos.url}/refunds/${workflowId}`, input),
        approve: ({ workflowId }) => post(`${dbos.url}/refunds/${workflowId}/approve`),
      },
    ),
    peer(
      'Restate, workflow',
      { server: server.pid, worker: restate.worker },
      {
        start: (workflowId, input) => post(`${ingress}/refundWorkflow/${workflowId}/run`, input),
        approve: ({ workflowId }) => post(`${ingress}/refundWorkflow/${workflowId}/approve`),
      },
    ),
    peer(
      'Restate, service',
      { server: server.pid, worker: restate.worker },
      {
        start: (workflowId, input) => post(`${ingress}/refundService/run`, { workflowId, input }),
        approve: ({ step }) => post(`${ingress}/restate/awakeables/${step}/resolve`, true),
      },
    ),
  ]
  return {
    variants,
    async stop() {
      await Promise.all([dbos.worker.stop(), restate.worker.stop(), server.stop()])
    },
  }
}
