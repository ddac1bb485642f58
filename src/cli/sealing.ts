import { type Published, publish } from '../audit/seal/publish.ts'
import { sealRun, type Sealed } from '../audit/seal/seal-run.ts'
import type { Signer } from '../audit/seal/signer.ts'
import type { AskedWitness } from '../audit/seal/publish.ts'
import { sealsOf } from '../audit/seal/log.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { runKeysOf } from '../ledger/audited.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import type { CommonOptions } from './options.ts'
import { runKeyFor } from './record-for.ts'
import { withSession } from './session.ts'
import { soundLog } from './sound-log.ts'
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

/** The leaf of the newest seal of a run, by its key or by its workflow id. Fails with `run_not_found`. */
export async function leafOf(db: LedgerDatabase, run: string): Promise<number> {
  for (const runKey of [run as RunKey, ...(await runKeysOf(db, run)).toReversed()]) {
    const seal = (await sealsOf(db, runKey)).at(-1)
    if (seal !== undefined) return seal.index
  }
  throw fail('run_not_found', `the run \`${run}\` was never sealed`)
}
