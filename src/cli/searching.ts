import { workflowIdOf } from '../contract/evidence.ts'
import { type Found, search, totalsOf } from '../audit/search/search.ts'
import { moment } from '../contract/moment.ts'
import { type Currency, formatMoney, parseMoney } from '../contract/money.ts'
import type { After, FoundRun, Sought } from '../ledger/audit-index.ts'
import { liveIndexKey } from '../ledger/data-keys.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import type { SearchOptions } from './commands/audit-search.ts'
import { dataKeysOf } from './data-keys-of.ts'
import { UsageError } from './errors.ts'
import { findDataKeys } from './master-keys.ts'
import { soundLog } from './sound-log.ts'
import { tableOf } from './table.ts'
import { plain } from './terminal.ts'
import { withLedger } from './with-ledger.ts'
import { databaseUrlFrom, residencyAt } from './workspaces.ts'

/** Finds sealed runs as the options say. Fails with `workspace_elsewhere`, and `master_keys_missing` where nobody can be found without. */
export async function searchFor(options: SearchOptions): Promise<Found> {
  const amount = amountIn(options)
  const after = options.after === undefined ? undefined : afterIn(options.after)
  const { since, until, playbook, workspace, state, tool, rule, failure, approver, limit } = options
  if (since !== undefined && until !== undefined && until <= since) {
    throw new UsageError('`--until` is not after `--since`', 'Name a later time.')
  }
  return await withLedger(options, async (db) => {
    const residency = residencyAt({ databaseUrl: await databaseUrlFrom(options.stateDir) })
    if (workspace !== undefined) residency?.check(workspace)
    const keys = await findDataKeys(db, options)
    const customer = options.customer === undefined ? undefined : await customerIn(db, options.customer, options)
    const sought = { since, until, playbook, workspace, state, tool, rule, failure, approver, amount, customer }
    return await soundLog(() => search({ db, keys, residency }, sought, { limit, after }))
  })
}

async function customerIn(db: LedgerDatabase, name: string, options: SearchOptions): Promise<Sought['customer']> {
  // Without an index key nothing was ever encrypted, and nobody stands here by his hash.
  if ((await liveIndexKey(db)) === undefined) return { name, hash: undefined }
  return { name, hash: await (await dataKeysOf(db, options)).hiddenName(name) }
}

function amountIn({ amountFrom, amountTo, currency }: SearchOptions): Sought['amount'] {
  if (amountFrom === undefined && amountTo === undefined) return undefined
  const [from, to] = [centsIn(currency, amountFrom), centsIn(currency, amountTo)]
  if (from !== null && to !== null && to < from) {
    throw new UsageError('`--amount-to` is less than `--amount-from`', 'Name a larger amount.')
  }
  return { currency, from, to }
}

function centsIn(currency: Currency, amount: string | undefined): number | null {
  if (amount === undefined) return null
  try {
    return parseMoney(currency, amount).cents
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), 'Write it as `120` or `120.50`.')
  }
}

/** Names where a page ended, for `--after`. */
const cursorOf = ({ beganAt, runKey }: After): string =>
  Buffer.from(JSON.stringify([beganAt.toISOString(), runKey])).toString('base64url')

function afterIn(cursor: string): After {
  try {
    const [beganAt, runKey] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown]
    const at = new Date(String(beganAt))
    if (typeof runKey === 'string' && at.toISOString() === beganAt) return { beganAt: at, runKey }
  } catch {
    // It is none.
  }
  throw new UsageError('`--after` is no place where a page ended', 'Give it what the page before printed.')
}

/** What was found as JSON. */
export const searchJson = ({ runs, next, unread, elsewhere }: Found) => ({
  runs: runs.map(({ isVeiled, sealedAt, erasedAt, ...run }) => ({
    workflowId: workflowIdOf(run.runKey),
    ...run,
    sealedAt: sealedAt.toISOString(),
    isSealed: isVeiled,
    erasedAt: erasedAt?.toISOString() ?? null,
  })),
  totals: totalsOf(runs),
  unread,
  elsewhere,
  next: next === null ? null : cursorOf(next),
})

const HEAD = ['LEAF', 'STATE', 'PLAYBOOK', 'WORKSPACE', 'BEGAN', 'AMOUNTS', 'TOOLS', 'RULES', 'DECIDED BY', 'RUN']

const listed = (texts: readonly string[], none = '-'): string => [...new Set(texts)].join(', ') || none

function rowOf(run: FoundRun): readonly string[] {
  const { leaf, state, playbook, workspace, began, amounts, tools, rules, approvers, isVeiled, erasedAt, runKey } = run
  const veil = erasedAt !== null ? 'ERASED' : isVeiled ? 'SEALED' : '-'
  const money = amounts.map((amount) => formatMoney(amount))
  return [
    String(leaf),
    state,
    playbook ?? '-',
    workspace ?? '-',
    moment(began),
    listed(money, veil),
    listed(tools),
    listed(rules, veil),
    listed(approvers, erasedAt === null ? '-' : 'ERASED'),
    runKey,
  ].map(plain)
}

/** What was found as a person reads it. */
export function searchLines({ runs, next }: Found): readonly string[] {
  const { states, amounts } = totalsOf(runs)
  const byState = Object.entries(states).map(([state, count]) => `${count} ${plain(state)}`)
  const sums = amounts.map(({ fact, ...sum }) => `${plain(fact)} ${formatMoney(sum)}`)
  return [
    ...(runs.length === 0 ? [] : tableOf([HEAD, ...runs.map(rowOf)])),
    '',
    [`${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`, ...byState, ...sums].join('  '),
    ...(next === null ? [] : [`more  --after ${cursorOf(next)}`]),
  ]
}

/** What nobody here can tell of. */
export function leftOutLines({ unread, elsewhere }: Found): readonly string[] {
  return [
    ...(unread === 0
      ? []
      : [`${unread} more may be meant: what they decided is encrypted, and cannot be read here without its keys.`]),
    ...(elsewhere === 0 ? [] : [`${elsewhere} runs are at home elsewhere, and not shown.`]),
  ]
}
