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
export const forgetting = (temporal: Client, ...workflowIds: readonly string[]): Promise<void> =>
  forgettingExecutions(
    temporal,
    workflowIds.map((workflowId) => ({ workflowId, runId: '' })),
  )

/** The same with executions; no run id: the newest. */
export async function forgettingExecutions(
  temporal: Client,
  executions: readonly { readonly workflowId: string; readonly runId: string }[],
): Promise<void> {
  for (const workflowExecution of executions) {
    await temporal.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution })
  }
  for (const { workflowId, runId } of executions) {
    const isGone = (): Promise<true | undefined> =>
      temporal.workflow
        .getHandle(workflowId, runId === '' ? undefined : runId)
        .describe()
        .then(
          () => undefined,
          () => true as const,
        )
    await until(`${workflowId} to be gone`, isGone, 80_000)
  }
}
