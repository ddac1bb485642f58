import type { PayloadCodec } from '@temporalio/common'
import type { RunKey } from '../contract/evidence.ts'
import { findRun } from '../ledger/runs.ts'
import { isEncrypted } from '../privacy/codec.ts'
import { eachOf, type Fetched } from './histories.ts'
import { inFull } from './in-full.ts'
import { type Archived, archivedSeal, besideIn } from './seal/archived.ts'
import type { LoggedSeal } from './seal/log.ts'
import { historyIn, payloadsIn } from './seal/opened.ts'
import type { Sides } from './sweep.ts'
import { toldBy } from './told.ts'

/** What is there of a run. */
interface Kept<T> {
  /** Of the executions that Temporal has, and then of those that only the archive has. */
  readonly histories: readonly T[]
  /** The seal with which the latter were archived; `null`: there is none of them. */
  readonly archived: LoggedSeal | null
}

/**
 * The histories of a run that Temporal has, and those that it has not any more out of the archive. `codecWith` makes the codec that reads them, with
 * another one for what is kept beside them. Throws `LogError` where what is archived is not what was sealed.
 */
export async function keptHistories<T>(
  { client, db }: Pick<Sides, 'client' | 'db'>,
  codecWith: (beside?: PayloadCodec) => PayloadCodec,
  runKey: RunKey,
  kept: (fetched: Fetched) => T,
): Promise<Kept<T>> {
  const here = await eachOf({ client, codec: codecWith() }, runKey, (fetched) => ({
    runId: fetched.told.runId,
    comesFrom: fetched.told.comesFrom,
    value: kept(fetched),
  }))
  const histories = here.map(({ value }) => value)
  const known = new Set(here.map(({ runId }) => runId))
  const all = [runKey.slice(runKey.lastIndexOf('/') + 1), ...here.flatMap(({ comesFrom }) => comesFrom)]
  if (all.every((runId) => known.has(runId))) return { histories, archived: null }
  const found = await readableSeal(db, runKey)
  const gone = found?.run.histories.filter(({ runId }) => !known.has(runId)) ?? []
  if (found === undefined || gone.length === 0) return { histories, archived: null }
  const codec = codecWith(besideIn(found.run))
  const before = await Promise.all(
    gone.map(async ({ history }) => {
      const stored = historyIn(history)
      const opened = await inFull(stored, codec)
      return kept({ stored, opened, told: toldBy(opened) })
    }),
  )
  return { histories: [...histories, ...before], archived: found.seal }
}

/** What is archived of a run; but one that was erased and never encrypted is not read any more, since no key keeps it from being. */
async function readableSeal(db: Sides['db'], runKey: RunKey): Promise<Archived | undefined> {
  const found = await archivedSeal(db, runKey)
  if (found === undefined || (await findRun(db, runKey))?.erasedAt === undefined) return found
  return found.run.histories.some(({ history }) => payloadsIn(historyIn(history)).some(isEncrypted)) ? found : undefined
}
