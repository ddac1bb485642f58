import { sweep, reconcileId } from '../../src/audit/sweep.ts'
import type { Reconciled } from '../../src/audit/reconcile.ts'
import type { RunHandle } from '../../src/client/index.ts'
import type { World } from './world.ts'

const sides = ({ temporal, db }: World) => ({ client: temporal, db })
const linesOf = ({ findings }: Reconciled) =>
  findings.map(({ code, step }) => (step === null ? code : `${code} ${step}`))

/** What history and ledger say of each effect of a run, such as `billing.refund-1: done, done`. */
export const bothOf = async (world: World, run: Pick<RunHandle, 'workflowId'>): Promise<readonly string[]> =>
  (await reconcileId(sides(world), run.workflowId)).flatMap(({ effects }) =>
    effects.map(({ step, history, ledger }) => `${step}: ${history}, ${ledger ?? 'nothing'}`),
  )

/** What is found in a run, such as `effect_claimed helpdesk.reply-1`; none: both sides agree. */
export const foundIn = async (world: World, run: Pick<RunHandle, 'workflowId'>): Promise<readonly string[]> =>
  (await reconcileId(sides(world), run.workflowId)).flatMap(linesOf)

/** What is found in all runs of a world, by workflow id. */
export async function foundInAll(world: World, since: Date | null = null) {
  const { compared, differing } = await sweep(sides(world), world.taskQueue, since)
  const found = differing.map((run) => [run.runKey.slice(0, run.runKey.lastIndexOf('/')), linesOf(run)] as const)
  return { compared, found: Object.fromEntries(found) }
}
