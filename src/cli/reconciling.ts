import { historyCodec, inFull } from '../audit/in-full.ts'
import { type Reconciled, reconcile } from '../audit/reconcile.ts'
import { publishedKeys, reconcileId, type Sides, sweep } from '../audit/sweep.ts'
import { type Told, toldBy } from '../audit/told.ts'
import { databaseUrlFrom, residencyAt, sayLeftOut } from './workspaces.ts'
import { auditedRun, workspaceOf } from '../ledger/audited.ts'
import type { ReconcileOptions } from './commands/reconcile.ts'
import { connectDatabase } from './connect.ts'
import { UsageError } from './errors.ts'
import { historyIn } from './history-file.ts'
import { assertLedger } from './ledger-schema.ts'
import { findDataKeys } from './master-keys.ts'
import { withSession } from './session.ts'
import { findDatabase } from './where.ts'

/** What was compared. */
export interface Comparison {
  /** How many runs. */
  readonly compared: number
  /** Those that were named; of all runs, those that differ. */
  readonly runs: readonly Reconciled[]
}

/** Compares the runs that the arguments name, with the ledger of the configured database. */
export async function compare(workflowId: string | undefined, options: ReconcileOptions): Promise<Comparison> {
  const { history: files = [], since } = options
  if (since !== undefined && (workflowId !== undefined || files.length > 0)) {
    throw new UsageError('`--since` is for all runs', 'Leave it out, or the workflow id and the history.')
  }
  const histories = await Promise.all(files.map(historyIn))
  const database = await findDatabase(options.stateDir)
  const db = await connectDatabase(database)
  try {
    await assertLedger(db)
    const keys = await findDataKeys(db)
    if (histories.length > 0) {
      const codec = historyCodec(db, keys)
      const full = await Promise.all(histories.map((history) => inFull(history, codec)))
      return await compareFiles({ db, keys }, full.map(toldBy), workflowId, database.url)
    }
    return await compareLive({ db, keys }, workflowId, options)
  } finally {
    await db.destroy()
  }
}

type Ledger = Omit<Sides, 'client'>

async function compareLive(
  ledger: Ledger,
  workflowId: string | undefined,
  options: ReconcileOptions,
): Promise<Comparison> {
  let comparison: Comparison = { compared: 0, runs: [] }
  await withSession(options, async ({ temporal: client, taskQueue, place }) => {
    const residency = residencyAt({
      namespace: place.namespace,
      taskQueue,
      databaseUrl: await databaseUrlFrom(options.stateDir),
    })
    const sides = { client, ...ledger, residency, leftOut: sayLeftOut }
    if (workflowId !== undefined) {
      const runs = await reconcileId(sides, workflowId)
      comparison = { compared: runs.length, runs }
      return
    }
    const since = options.since === undefined ? null : new Date(Date.now() - options.since)
    const { compared, differing } = await sweep(sides, taskQueue, since)
    comparison = { compared, runs: differing }
  })
  return comparison
}

/** The run of exported histories, which have to be of one and the same. */
async function compareFiles(
  { db, keys }: Ledger,
  told: readonly Told[],
  workflowId: string | undefined,
  databaseUrl: string,
): Promise<Comparison> {
  const runKeys = [...new Set(told.map(({ runKey }) => runKey))]
  const [runKey, other] = runKeys
  if (runKey === undefined || other !== undefined) {
    throw new UsageError(
      'the histories are of several runs',
      `They are of ${runKeys.join(' and ')}; name those of one.`,
    )
  }
  if (workflowId !== undefined && told[0]?.workflowId !== workflowId) {
    throw new UsageError(`the history is not of \`${workflowId}\``, `It is of \`${told[0]?.workflowId}\`.`)
  }
  residencyAt({ databaseUrl })?.check(await workspaceOf(db, runKey))
  const runs = [await reconcile(runKey, told, await auditedRun(db, runKey, keys), publishedKeys(db))]
  return { compared: 1, runs }
}
