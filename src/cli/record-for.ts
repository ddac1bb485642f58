import { readFile } from 'node:fs/promises'
import type { Sides } from '../audit/sweep.ts'
import { fail } from '../contract/failures.ts'
import type { RunKey } from '../contract/evidence.ts'
import { firstIssue } from '../contract/issue.ts'
import { historyOf } from '../audit/histories.ts'
import { NO_KEYS, publishedKeysSchema } from '../audit/record/keys.ts'
import { recordOf } from '../audit/record/record-of.ts'
import { type FoundRecord, recordCodec, recordOfRun } from '../audit/record/record-of-run.ts'
import type { AuditRecord, PublishedKeys } from '../audit/record/types.ts'
import { sealsOf } from '../audit/seal/log.ts'
import { moment } from '../contract/moment.ts'
import { runKeysOf, workspaceOf } from '../ledger/audited.ts'
import type { RecordOptions } from './audit-options.ts'
import { findDataKeys } from './master-keys.ts'
import { UsageError } from './errors.ts'
import { historyIn } from './history-file.ts'
import { withSession } from './session.ts'
import { soundLog } from './sound-log.ts'
import { say } from './terminal.ts'
import { databaseUrlFrom, residencyAt } from './workspaces.ts'
import { withLedger } from './with-ledger.ts'

/**
 * The record of a run: of exported histories or a sealed file alone, or of what Temporal and the ledger have of it. Fails with `run_not_found`, and as a usage
 * error where the histories are of another run.
 */
export async function recordFor(run: string, options: RecordOptions): Promise<AuditRecord> {
  const { history: files = [], keys: file, bundle } = options
  if (bundle !== undefined) {
    if (files.length > 0 || file !== undefined || options.namespace !== undefined) {
      throw new UsageError(
        '`--bundle` has histories, keys and namespace in it',
        'Leave out --history, --keys and --namespace.',
      )
    }
    const { recordOfBundle } = await import('./record-of-bundle.ts')
    return await recordOfBundle(run, bundle, options)
  }
  if (options.readWith !== undefined || options.dataKeys !== undefined)
    throw new UsageError('`--read-with` is for a sealed file', 'Name that with --bundle.')
  const keys = file === undefined ? undefined : await keysOf(file)
  if (files.length > 0) return await recordOfFiles(run, files, keys, options.namespace ?? 'default')
  if (options.namespace !== undefined) {
    throw new UsageError(
      '`--namespace` is for exported histories',
      'Leave it out: Temporal’s own configuration names it.',
    )
  }
  let found: FoundRecord | undefined
  await withLedger(options, async (db) => {
    await withSession(options, async ({ temporal: client, place: { namespace }, taskQueue }) => {
      const dataKeys = await findDataKeys(db)
      const residency = residencyAt({ namespace, taskQueue, databaseUrl: await databaseUrlFrom(options.stateDir) })
      const sides = { client, db, keys: dataKeys, residency }
      found = await soundRecord(sides, namespace, await runKeyFor(sides, run), keys)
    })
  })
  if (found === undefined)
    throw fail('run_not_found', `Temporal has no history of the run \`${run}\` any more, and it was never sealed`)
  sayArchived(found.archived)
  return found.record
}

/** `recordOfRun`; fails with `log_damaged` where what is archived is not what was sealed. */
export const soundRecord = (...of: Parameters<typeof recordOfRun>): Promise<FoundRecord | undefined> =>
  soundLog(() => recordOfRun(...of))

/** Says that histories came out of the archive. */
export function sayArchived(archived: FoundRecord['archived']): void {
  if (archived === null) return
  const { index, sealedAt } = archived
  say(
    `From the archive, since Temporal has not all of it any more: leaf ${index} of the log, sealed ${moment(sealedAt.toISOString())}.`,
  )
}

/** The newest run of a workflow id; else the run that the text is the key of; of those that Temporal has, first. */
export async function runKeyFor({ client, db, keys }: Sides, run: string): Promise<RunKey> {
  const from = { client, codec: recordCodec(db, keys) }
  const newest = await historyOf(from, run, '')
  if (newest !== undefined) return newest.runKey
  const at = run.lastIndexOf('/')
  if (at > 0) {
    const told = await historyOf(from, run.slice(0, at), run.slice(at + 1)).catch(() => undefined)
    if (told?.runKey === run) return told.runKey
  }
  const known = (await runKeysOf(db, run)).at(-1)
  if (known !== undefined) return known
  const isKnown = (await workspaceOf(db, run as RunKey)) !== null || (await sealsOf(db, run as RunKey)).length > 0
  if (isKnown) return run as RunKey
  throw fail('run_not_found', `neither Temporal nor the ledger has a run \`${run}\``)
}

async function recordOfFiles(
  run: string,
  files: readonly string[],
  keys: PublishedKeys | undefined,
  namespace: string,
): Promise<AuditRecord> {
  const histories = await Promise.all(files.map(historyIn))
  const stored = histories.map((history) => ({ stored: history }))
  const record = await recordOf({ namespace, histories: stored, keys: keys ?? NO_KEYS }).catch((error: unknown) => {
    if (!(error instanceof TypeError)) throw error
    throw new UsageError(`the files are no histories of one run: ${error.message}`, 'Name those of one run.')
  })
  if (run !== record.workflowId && run !== record.runKey) {
    throw new UsageError(`the history is not of \`${run}\``, `It is of \`${record.workflowId}\`.`)
  }
  if (keys === undefined)
    say('No keys were given (--keys): nothing is proved by one, and what hosts and people said is `claimed`.')
  return record
}

async function keysOf(file: string): Promise<PublishedKeys> {
  const help = 'Print them with `countersign audit keys`, where the ledger is.'
  let given: unknown
  try {
    given = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`\`${file}\` cannot be read: ${error instanceof Error ? error.message : String(error)}`, help)
  }
  const parsed = publishedKeysSchema().safeParse(given)
  if (!parsed.success) throw new UsageError(`\`${file}\` holds no public keys: ${firstIssue(parsed.error)}`, help)
  return parsed.data
}
