import { runKeysOf, workspaceOf } from '../ledger/audited.ts'
import { CliError } from './errors.ts'
import { NOT_HERE } from './erasure.ts'
import type { CommonOptions, JsonOption } from './options.ts'
import type { Session } from './session.ts'
import { outJson } from './terminal.ts'
import { withLedger } from './with-ledger.ts'
import { databaseUrlFrom, refusesElsewhere, residencyAt } from './workspaces.ts'

/**
 * Shows what is archived of a run that Temporal does not know any more. `false`: nothing is, or the ledger cannot be asked from here. Fails with
 * `log_damaged`.
 */
export async function showArchived(
  { temporal: client, place: { namespace }, taskQueue }: Session,
  workflowId: string,
  options: CommonOptions & JsonOption,
): Promise<boolean> {
  const [{ soundRecord, sayArchived }, { recordText }, { findDataKeys }] = await Promise.all([
    import('./record-for.ts'),
    import('../audit/render/text.ts'),
    import('./master-keys.ts'),
  ])
  const residency = residencyAt({ namespace, taskQueue, databaseUrl: await databaseUrlFrom(options.stateDir) })
  try {
    return await withLedger(options, async (db) => {
      const runKey = (await runKeysOf(db, workflowId)).at(-1)
      if (runKey === undefined) return false
      if (refusesElsewhere(residency, await workspaceOf(db, runKey), options)) return true
      const found = await soundRecord({ client, db, keys: await findDataKeys(db) }, namespace, runKey)
      if (found === undefined) return false
      const { record, archived } = found
      sayArchived(archived)
      const seal = archived === null ? null : { leaf: archived.index, sealedAt: archived.sealedAt.toISOString() }
      if (options.json) outJson({ workflowId, answeredBy: 'archive', seal, record })
      else process.stdout.write(recordText(record))
      return true
    })
  } catch (error) {
    if (error instanceof CliError && NOT_HERE.includes(error.code)) return false
    throw error
  }
}
