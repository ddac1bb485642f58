import { type Published, publish } from '../audit/seal/publish.ts'
import { sealRun, type Sealed } from '../audit/seal/seal-run.ts'
import type { Signer } from '../audit/seal/signer.ts'
import type { AskedWitness } from '../audit/seal/publish.ts'
import { LogError, sealsOf } from '../audit/seal/log.ts'
import { StepError } from '../audit/seal/remembered.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { runKeysOf } from '../ledger/audited.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { CliError } from './errors.ts'
import type { CommonOptions } from './options.ts'
import { runKeyFor } from './record-for.ts'
import { withSession } from './session.ts'
import { withLedger } from './with-ledger.ts'
import { databaseUrlFrom, residencyAt } from './workspaces.ts'

/** Seals a run, and has the log signed. */
export async function sealNow(
  run: string,
  options: CommonOptions,
  { signer, witnesses }: { readonly signer: Signer; readonly witnesses: readonly AskedWitness[] },
): Promise<{ readonly sealed: Sealed; readonly published: Published }> {
  return await withLedger(options, async (db) => {
    let sealed: Sealed = { came: 'gone' }
    await withSession(options, async ({ temporal: client, place: { namespace }, taskQueue }) => {
      const residency = residencyAt({ namespace, taskQueue, databaseUrl: await databaseUrlFrom(options.stateDir) })
      const runKey = await runKeyFor({ client, db }, run)
      sealed = await sealRun({ client, db, namespace, signer, residency }, runKey)
    })
    const published = await soundLog(() => publish({ db, signer, witnesses }))
    return { sealed, published }
  })
}

/** Fails with `log_damaged` where the log is not what was signed of it. */
export async function soundLog<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof LogError || error instanceof StepError)) throw error
    throw new CliError(
      'log_damaged',
      `The log is not what it has to be: ${error.message}.`,
      'See who can write to the database, and what was restored into it.',
      { cause: error },
    )
  }
}

/** The leaf of the newest seal of a run, by its key or by its workflow id. Fails with `run_not_found`. */
export async function leafOf(db: LedgerDatabase, run: string): Promise<number> {
  for (const runKey of [run as RunKey, ...(await runKeysOf(db, run)).toReversed()]) {
    const seal = (await sealsOf(db, runKey)).at(-1)
    if (seal !== undefined) return seal.index
  }
  throw fail('run_not_found', `the run \`${run}\` was never sealed`)
}
