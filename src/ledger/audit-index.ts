import { type Kysely, type Selectable, sql, type SqlBool } from 'kysely'
import type { RunKey } from '../contract/evidence.ts'
import type { Currency } from '../contract/money.ts'
import type { LedgerDatabase } from './database.ts'
import type { AuditIndexTable, IndexedAmount, LedgerTables } from './tables.ts'

/** A database or a transaction on it. */
type Db = Kysely<LedgerTables>

/** What a sealed run is found by, as its record tells. */
export interface IndexedRun {
  readonly runKey: RunKey
  readonly playbook: string | null
  readonly workspace: string | null
  readonly state: string
  /** ISO 8601, UTC; so is `closed`. */
  readonly began: string
  readonly closed: string | null
  readonly tools: readonly string[]
  readonly rules: readonly string[]
  /** Codes. */
  readonly failures: readonly string[]
  /** Who approved, rejected or changed. */
  readonly approvers: readonly string[]
  readonly amounts: readonly IndexedAmount[]
  /** Whether something in it could not be read. */
  readonly isVeiled: boolean
}

/** Of how a row is derived: rows of an older one are derived again. */
const VERSION = 1

/**
 * Writes down what a run is found by, as its newest seal has it. What was erased in the ledger stays so, and who decided in an encrypted run the
 * ledger tells. In a transaction: an erasure at the same time comes before it or after it.
 */
export async function putIndexed(tx: Db, index: number, run: IndexedRun): Promise<void> {
  const { runKey } = run
  const opened = await tx
    .selectFrom('countersign.runs')
    .select(['erased_at', sql<string | null>`principal ->> 'workspace'`.as('workspace')])
    .where('run_key', '=', runKey)
    .forShare()
    .executeTakeFirst()
  const erasedAt = opened?.erased_at ?? null
  const said = run.isVeiled ? await decidersOf(tx, runKey) : []
  const values = {
    index,
    version: VERSION,
    playbook: run.playbook,
    workspace: opened?.workspace ?? run.workspace,
    state: run.state,
    began_at: new Date(run.began),
    closed_at: run.closed === null ? null : new Date(run.closed),
    tools: [...run.tools],
    rules: [...run.rules],
    failures: [...run.failures],
    approvers: erasedAt === null ? [...new Set([...run.approvers, ...said])] : [],
    amounts: JSON.stringify(erasedAt === null ? run.amounts : []),
    veiled: run.isVeiled,
    erased_at: erasedAt,
  }
  await tx
    .insertInto('countersign.audit_index')
    .values({ run_key: runKey, ...values })
    .onConflict((conflict) =>
      conflict.column('run_key').doUpdateSet(values).where('countersign.audit_index.index', '<=', index),
    )
    .execute()
}

async function decidersOf(db: Db, runKey: RunKey): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('countersign.statements')
    .select('subject')
    .where('run_key', '=', runKey)
    .where('about', '=', 'decide')
    .orderBy('used_at')
    .execute()
  return rows.map(({ subject }) => subject)
}

/** Takes what is personal out of the row of a run that is erased; answers with how many rows that changed. */
export async function forgetIndexed(tx: Db, runKey: string): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('countersign.audit_index')
    .set({ approvers: [], amounts: '[]', erased_at: sql<Date>`clock_timestamp()` })
    .where('run_key', '=', runKey)
    .where('erased_at', 'is', null)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** The sealed runs of which there is no row, or one of an older seal or version. */
export async function unindexed(db: LedgerDatabase): Promise<readonly RunKey[]> {
  const { rows } = await sql<{ run_key: RunKey }>`
    SELECT newest.run_key FROM (SELECT run_key, max(index) AS index FROM countersign.log_leaves GROUP BY run_key) AS newest
    LEFT JOIN countersign.audit_index AS i ON i.run_key = newest.run_key
    WHERE i.index IS NULL OR i.index < newest.index OR i.version < ${VERSION}
    ORDER BY newest.index`.execute(db)
  return rows.map(({ run_key }) => run_key)
}

/** By what sealed runs are searched. All that is given has to hold. */
export interface Sought {
  /** Times are of when the run began. */
  readonly since?: Date | undefined
  readonly until?: Date | undefined
  readonly playbook?: string | undefined
  readonly workspace?: string | undefined
  readonly state?: string | undefined
  readonly tool?: string | undefined
  readonly rule?: string | undefined
  readonly failure?: string | undefined
  readonly approver?: string | undefined
  /** Cents, both inclusive. */
  readonly amount?: AmountRange | undefined
  readonly customer?: SoughtCustomer | undefined
}

export interface AmountRange {
  readonly currency: Currency
  readonly from: number | null
  readonly to: number | null
}

/** Whom the data of a run is about. */
export interface SoughtCustomer {
  readonly name: string
  /** His keyed hash; `undefined`: nothing here is encrypted. */
  readonly hash: string | undefined
}

/** Where a page ends. */
export interface After {
  readonly beganAt: Date
  readonly runKey: string
}

/** A sealed run as the index has it. */
export interface FoundRun extends IndexedRun {
  /** Of its newest seal. */
  readonly leaf: number
  readonly sealedAt: Date
  readonly erasedAt: Date | null
}

const inAmount = (amount: IndexedAmount, { currency, from, to }: AmountRange): boolean =>
  amount.currency === currency && amount.cents >= (from ?? -Infinity) && amount.cents <= (to ?? Infinity)

/** Whether what only the text of a run tells is as it is sought. */
export const isSought = (
  { rules, failures, amounts }: Pick<IndexedRun, 'rules' | 'failures' | 'amounts'>,
  { rule, failure, amount }: Sought,
): boolean =>
  (rule === undefined || rules.includes(rule)) &&
  (failure === undefined || failures.includes(failure)) &&
  (amount === undefined || amounts.some((one) => inAmount(one, amount)))

/**
 * A page of the runs that may be what is sought, the newest first: of those of which something is encrypted, `isSought` of what was decrypted
 * has to tell.
 */
export async function findIndexed(
  db: LedgerDatabase,
  sought: Sought,
  after: After | undefined,
  page: number,
): Promise<readonly FoundRun[]> {
  const { since, until, playbook, workspace, state, tool, rule, failure, approver, amount, customer } = sought
  const orVeiled = (holds: ReturnType<typeof has>) => sql<SqlBool>`(${holds} OR (i.veiled AND i.erased_at IS NULL))`
  const holds = [
    ...(since === undefined ? [] : [sql<SqlBool>`i.began_at >= ${since}`]),
    ...(until === undefined ? [] : [sql<SqlBool>`i.began_at < ${until}`]),
    ...(playbook === undefined ? [] : [sql<SqlBool>`i.playbook = ${playbook}`]),
    ...(workspace === undefined ? [] : [sql<SqlBool>`i.workspace = ${workspace}`]),
    ...(state === undefined ? [] : [sql<SqlBool>`i.state = ${state}`]),
    ...(tool === undefined ? [] : [has('tools', tool)]),
    ...(approver === undefined ? [] : [has('approvers', approver)]),
    ...(rule === undefined ? [] : [orVeiled(has('rules', rule))]),
    ...(failure === undefined ? [] : [orVeiled(has('failures', failure))]),
    ...(amount === undefined ? [] : [orVeiled(hasAmount(amount))]),
    ...(customer === undefined ? [] : [isAbout(customer)]),
    ...(after === undefined ? [] : [sql<SqlBool>`(i.began_at, i.run_key) < (${after.beganAt}, ${after.runKey})`]),
  ]
  const rows = await db
    .selectFrom('countersign.audit_index as i')
    .innerJoin('countersign.log_leaves as l', 'l.index', 'i.index')
    .selectAll('i')
    .select('l.sealed_at')
    .where((where) => where.and(holds))
    .orderBy('i.began_at', 'desc')
    .orderBy('i.run_key', 'desc')
    .limit(page)
    .execute()
  return rows.map(foundOf)
}

const has = (column: 'tools' | 'rules' | 'failures' | 'approvers', text: string) =>
  sql<SqlBool>`${sql.ref(`i.${column}`)} @> ARRAY[${text}]::text[]`

const hasAmount = ({ currency, from, to }: AmountRange) => sql<SqlBool>`EXISTS (
  SELECT FROM jsonb_array_elements(i.amounts) AS a WHERE a ->> 'currency' = ${currency}
    AND (a ->> 'cents')::bigint BETWEEN ${from ?? Number.MIN_SAFE_INTEGER} AND ${to ?? Number.MAX_SAFE_INTEGER})`

/**
 * Where there are keys, the ledger has a keyed hash of whom the data of each run is about. A run from before there were any is looked through: its
 * record stands in the clear, with the name as a value somewhere in it.
 */
const isAbout = ({ name, hash }: SoughtCustomer) => sql<SqlBool>`i.erased_at IS NULL AND (
  EXISTS (SELECT FROM countersign.data_subjects s WHERE s.run_key = i.run_key AND s.subject_hash = ${hash ?? ''})
  OR (NOT i.veiled AND NOT EXISTS (SELECT FROM countersign.data_subjects s WHERE s.run_key = i.run_key)
    AND EXISTS (SELECT FROM countersign.archive a
      WHERE a.index = i.index AND strpos(a.bundle, ${JSON.stringify(name)}) > 0)))`

const foundOf = (row: Selectable<AuditIndexTable> & { readonly sealed_at: Date }): FoundRun => ({
  runKey: row.run_key as RunKey,
  playbook: row.playbook,
  workspace: row.workspace,
  state: row.state,
  began: row.began_at.toISOString(),
  closed: row.closed_at?.toISOString() ?? null,
  tools: row.tools,
  rules: row.rules,
  failures: row.failures,
  approvers: row.approvers,
  amounts: row.amounts,
  isVeiled: row.veiled,
  leaf: row.index,
  sealedAt: row.sealed_at,
  erasedAt: row.erased_at,
})
