import pMap from 'p-map'
import { codeOf } from '../../contract/failures.ts'
import type { Money } from '../../contract/money.ts'
import {
  type After,
  findIndexed,
  type FoundRun,
  isSought,
  putIndexed,
  type Sought,
  unindexed,
} from '../../ledger/audit-index.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import type { DataKeys } from '../../privacy/data-keys.ts'
import type { Residency } from '../../privacy/residency.ts'
import { recordCodec } from '../record/record-of-run.ts'
import { recordOf } from '../record/record-of.ts'
import { inFull } from '../in-full.ts'
import { archivedSeal, besideIn } from '../seal/archived.ts'
import { historyIn } from '../seal/opened.ts'
import { indexed } from './indexed.ts'

/** Where sealed runs are searched. */
export interface Searching {
  readonly db: LedgerDatabase
  /** With them, what is encrypted is decrypted and looked at; nothing of that is written down. */
  readonly keys?: DataKeys | undefined
  /** Where workspaces are at home: runs that are at home elsewhere are not told of. */
  readonly residency?: Residency | undefined
}

/** What was found. */
export interface Found {
  /** The newest first. */
  readonly runs: readonly FoundRun[]
  /** Where the next page begins; `null`: there is no more. */
  readonly next: After | null
  /** Runs that may be what is sought, were it known what is encrypted in them. */
  readonly unread: number
  /** Runs that are at home elsewhere. */
  readonly elsewhere: number
}

const PAGE = 100
/** Bundles that are opened at once. */
const AT_ONCE = 2

/** Finds sealed runs, of each what its newest seal says; `after`: where the page before ended. Throws `LogError`. */
export async function search(
  searching: Searching,
  sought: Sought,
  { limit, after }: { readonly limit: number; readonly after?: After | undefined },
): Promise<Found> {
  const { db, residency } = searching
  await catchUp(db)
  const runs: FoundRun[] = []
  let [unread, elsewhere] = [0, 0]
  for (let from = after; ;) {
    const page = Math.min(PAGE, limit - runs.length + 1)
    const rows = await findIndexed(db, sought, from, page)
    const seen = await pMap(rows, (row) => looked(searching, sought, row), { concurrency: AT_ONCE })
    for (const [at, row] of rows.entries()) {
      if (runs.length === limit) return { runs, next: from ?? null, unread, elsewhere }
      from = { beganAt: new Date(row.began), runKey: row.runKey }
      const one = seen[at]
      if (residency !== undefined && !residency.isHome(row.workspace)) elsewhere += 1
      else if (one === 'unread') unread += 1
      else if (one !== undefined) runs.push(one)
    }
    if (rows.length < page) return { runs, next: null, unread, elsewhere }
  }
}

/** Writes down what is missing in the index: of seals from before there was one, or whatever took it away. */
async function catchUp(db: LedgerDatabase): Promise<void> {
  for (const runKey of await unindexed(db)) {
    const found = await archivedSeal(db, runKey)
    if (found === undefined) continue
    const { seal, run } = found
    await db.transaction().execute((tx) => putIndexed(tx, seal.index, indexed(run.record)))
  }
}

/** A run with what can be decrypted of it, where it is what is sought; `unread`: nobody here can tell. */
async function looked(searching: Searching, sought: Sought, row: FoundRun): Promise<FoundRun | 'unread' | undefined> {
  if (!row.isVeiled || row.erasedAt !== null || searching.residency?.isHome(row.workspace) === false) {
    return isSought(row, sought) ? row : undefined
  }
  const now = await decrypted(searching, row)
  if (isSought(now, sought)) return now
  return now.isVeiled ? 'unread' : undefined
}

async function decrypted({ db, keys }: Searching, row: FoundRun): Promise<FoundRun> {
  const found = keys === undefined ? undefined : await archivedSeal(db, row.runKey)
  if (found === undefined) return row
  const { run } = found
  const codec = recordCodec(db, keys, besideIn(run))
  try {
    const histories = await Promise.all(
      run.histories.map(async ({ history }) => {
        const stored = historyIn(history)
        return { stored, opened: await inFull(stored, codec) }
      }),
    )
    const { rules, failures, amounts, isVeiled } = indexed(
      await recordOf({ namespace: run.record.namespace, histories, keys: run.keys }),
    )
    return { ...row, rules, failures, amounts, isVeiled }
  } catch (error) {
    // Its key is wrapped by a master key that this process does not have.
    if (codeOf(error) === 'keys_unavailable') return row
    throw error
  }
}

/** What some runs come to. */
export interface Totals {
  readonly runs: number
  /** How many of them by state. */
  readonly states: Readonly<Record<string, number>>
  /** The sum of each fact that is an amount, by its name and currency. */
  readonly amounts: readonly (Money & { readonly fact: string })[]
}

export function totalsOf(runs: readonly FoundRun[]): Totals {
  const states = Object.fromEntries(
    [...Map.groupBy(runs, ({ state }) => state)].map(([state, ofState]) => [state, ofState.length]),
  )
  const sums = Map.groupBy(
    runs.flatMap(({ amounts }) => amounts),
    ({ fact, currency }) => `${fact} ${currency}`,
  )
  const amounts = [...sums.values()].flatMap((all) => {
    const [first] = all
    if (first === undefined) return []
    return [{ fact: first.fact, currency: first.currency, cents: all.reduce((sum, { cents }) => sum + cents, 0) }]
  })
  return { runs: runs.length, states, amounts }
}
