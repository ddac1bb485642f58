import { sealRun } from '../../../src/audit/seal/seal-run.ts'
import type { Signer } from '../../../src/audit/seal/signer.ts'
import type { RunHandle } from '../../../src/client/index.ts'
import type { Client } from '@temporalio/client'
import type { World } from '../../support/world.ts'
import { until } from '../../support/world.ts'
import { runKeyIn } from '../seal/runs.ts'

/** Seals a run as it is now; answers with its leaf. */
export async function sealed(world: World, run: RunHandle, signer: Signer): Promise<number> {
  const { temporal: client, db } = world
  const came = await sealRun({ client, db, namespace: 'default', signer }, await runKeyIn(world, run))
  if (!('index' in came)) throw new Error(`it was not sealed: ${came.came}`)
  return came.index
}

/** Has Temporal forget runs, as it does once their time of retention is over. */
export async function forgetting(temporal: Client, ...workflowIds: readonly string[]): Promise<void> {
  for (const workflowId of workflowIds) {
    const workflowExecution = { workflowId, runId: '' }
    await temporal.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution })
  }
  for (const workflowId of workflowIds) {
    const isGone = (): Promise<true | undefined> =>
      temporal.workflow
        .getHandle(workflowId)
        .describe()
        .then(
          () => undefined,
          () => true as const,
        )
    await until(`${workflowId} to be gone`, isGone, 80_000)
  }
}
