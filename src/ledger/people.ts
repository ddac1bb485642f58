import { type Kysely, type Selectable, sql } from 'kysely'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { personOf, sameName } from '../contract/principal.ts'
import { type Identity, type Statement, statementDigestOf } from '../contract/statement.ts'
import { firstUse, useStatement } from './statements.ts'
import type { DelegationTable, LedgerTables, WithdrawalTable } from './tables.ts'

type Db = Kysely<LedgerTables>

/** The longest that somebody lets somebody else speak for him. */
const MOST_DELEGATED_MS = 366 * 24 * 3_600_000

/** What a token says of somebody, and when it was issued. */
export interface Sight extends Pick<Identity, 'subject' | 'issuer' | 'groups'> {
  readonly workspaces: readonly string[]
  readonly tokenAt: Date
}

/** Writes down what a token says of somebody now; answers with what the newest of his tokens says, where this one is older. */
export async function seePerson(
  db: Db,
  { subject, issuer, groups, workspaces, tokenAt }: Sight,
): Promise<Seen | undefined> {
  const seen = {
    subject,
    groups: JSON.stringify(groups),
    workspaces: JSON.stringify(workspaces),
    token_at: tokenAt,
    seen_at: sql<Date>`now()`,
  }
  const written = await db
    .insertInto('countersign.people')
    .values({ person: personOf(subject), issuer, ...seen })
    .onConflict((conflict) =>
      conflict.columns(['person', 'issuer']).doUpdateSet(seen).where('countersign.people.token_at', '<=', tokenAt),
    )
    .returning('issuer')
    .executeTakeFirst()
  return written === undefined ? await seenOf(db, { subject, issuer }).executeTakeFirst() : undefined
}

type Somebody = Pick<Identity, 'subject' | 'issuer'>

/** What was seen of somebody: the groups and workspaces that a later token named. */
export interface Seen {
  readonly groups: readonly string[]
  readonly workspaces: readonly string[]
}

const seenOf = (db: Db, { subject, issuer }: Somebody, since?: Date) =>
  db
    .selectFrom('countersign.people')
    .select(['groups', 'workspaces'])
    .where('person', '=', personOf(subject))
    .where('issuer', '=', issuer)
    .$if(since !== undefined, (query) => query.where('seen_at', '>', since ?? new Date()))

/** What is known of somebody, beside what his statement says. */
export interface Known {
  /** When a host heard the statement for the run; `undefined`: none has, or it was not asked. */
  readonly usedAt: Date | undefined
  /** Since his statement was signed; `undefined`: nothing. */
  readonly seen: Seen | undefined
  /** Who lets him speak for whom: in force, though nobody has verified it. */
  readonly offered: readonly Delegated[]
  /** Who of them, and of those who let him speak for them, does not count any more. */
  readonly taken: readonly Pick<Withdrawal, 'subject' | 'group'>[]
}

/**
 * What is known of whoever says something, in one query: each decision waits for it, and each warrant with an approval. `heardFor`: the run for
 * which a host has heard it.
 */
export async function knownOf(db: Db, statement: Statement, heardFor?: RunKey): Promise<Known> {
  const { known } = await db.selectNoFrom(knownIn(statement, heardFor).as('known')).executeTakeFirstOrThrow()
  return readKnown(known)
}

/** Uses a statement for a run, as `useStatement` does, and answers what is known of whoever says it, in one query. */
export async function useAndKnow(db: Db, statement: Statement, runKey: RunKey): Promise<Omit<Known, 'usedAt'>> {
  const { known, isFirst } = await db
    .with('used', (with_) => firstUse(with_, statement, runKey))
    .selectNoFrom((select) => [
      knownIn(statement, runKey).as('known'),
      select.exists(select.selectFrom('used').select('used.nonce')).as('isFirst'),
    ])
    .executeTakeFirstOrThrow()
  // It was used before, elsewhere or while this query was under way.
  if (isFirst !== true && known.usedAt === null) await useStatement(db, statement, runKey)
  return readKnown(known)
}

/** As JSON, in which times are texts. */
interface KnownRow {
  readonly usedAt: string | null
  readonly seen: Seen | null
  readonly offered: readonly DelegationRow[]
  readonly taken: Known['taken']
}

/** A function of the database (migration `0014_known_of`) answers: it plans once a connection what it would otherwise plan each time. */
const knownIn = (statement: Statement, heardFor: RunKey | undefined) => {
  const { who, nonce, issuedAt } = statement
  const heard = heardFor === undefined ? null : statementDigestOf(statement)
  const person = personOf(who.subject)
  return sql<KnownRow>`countersign.known_of(
    ${nonce}, ${heard}, ${heardFor ?? null}, ${person}, ${who.issuer}, ${who.workspace}, ${issuedAt})`
}

const readKnown = ({ usedAt, seen, offered, taken }: KnownRow): Known => ({
  usedAt: usedAt === null ? undefined : new Date(usedAt),
  seen: seen ?? undefined,
  offered: delegatedNow(offered),
  taken,
})

/** Whether somebody does not count any more, in a group or (`null`) at all. */
export const isTaken = (taken: Known['taken'], person: string, group: string | null): boolean =>
  taken.some((one) => sameName(one.subject, person) && (one.group === null || one.group === group))

/** Somebody who does not count any more, in a group or (`null`) at all. */
export interface Withdrawal {
  readonly id: string
  readonly subject: string
  readonly group: string | null
  readonly reason: string
  readonly at: string
  /** Who withdrew it; `null`: of before it was asked. */
  readonly by: string | null
  /** `null`: it is in force. */
  readonly liftedAt: string | null
  readonly liftedBy: string | null
}

/** From now on what somebody says does not count, in a group or (`null`) at all, whatever his statements say. */
export async function withdraw(
  db: Db,
  { subject, group, reason, by }: Pick<Withdrawal, 'subject' | 'group' | 'reason'> & { readonly by: string },
): Promise<Withdrawal> {
  const row = await db
    .insertInto('countersign.withdrawals')
    .values({ person: personOf(subject), subject, group_name: group, reason, withdrawn_by: by })
    .returningAll()
    .executeTakeFirstOrThrow()
  return withdrawalOf(row)
}

/** Lets somebody count again; answers what was lifted. */
export async function liftWithdrawals(
  db: Db,
  { subject, group, by }: Pick<Withdrawal, 'subject' | 'group'> & { readonly by: string },
): Promise<readonly Withdrawal[]> {
  const rows = await db
    .updateTable('countersign.withdrawals')
    .set({ lifted_at: sql<Date>`now()`, lifted_by: by })
    .where('person', '=', personOf(subject))
    .where('lifted_at', 'is', null)
    .where('group_name', group === null ? 'is' : '=', group)
    .returningAll()
    .execute()
  return rows.map(withdrawalOf)
}

/** What is in force. */
export async function withdrawals(db: Db): Promise<readonly Withdrawal[]> {
  const inForce = db.selectFrom('countersign.withdrawals').selectAll().where('lifted_at', 'is', null).orderBy('id')
  return (await inForce.execute()).map(withdrawalOf)
}

/** Whether somebody does not count any more at all. */
export async function isWithdrawn(db: Db, subject: string): Promise<boolean> {
  const found = await db
    .selectFrom('countersign.withdrawals')
    .select('id')
    .where('person', '=', personOf(subject))
    .where('group_name', 'is', null)
    .where('lifted_at', 'is', null)
    .executeTakeFirst()
  return found !== undefined
}

const withdrawalOf = (row: Selectable<WithdrawalTable>): Withdrawal => ({
  id: row.id,
  subject: row.subject,
  group: row.group_name,
  reason: row.reason,
  at: row.withdrawn_at.toISOString(),
  by: row.withdrawn_by,
  liftedAt: row.lifted_at?.toISOString() ?? null,
  liftedBy: row.lifted_by,
})

/** Somebody lets somebody else speak for him in a group of a workspace. */
export interface Delegated {
  readonly from: string
  readonly fromIssuer: string
  readonly to: string
  readonly group: string
  readonly workspace: string
  /** ISO 8601, UTC. */
  readonly until: string
  readonly madeAt: string
  /** Says so; whoever goes by it verifies it. */
  readonly statement: Statement
}

const refuse = (what: string): Error => fail('delegation_invalid', `the delegation ${what}`)

/**
 * Writes a delegation down, by its verified statement; the newest between two people in a group counts, so one whose time is over
 * ends it. Fails with `delegation_invalid`. The same statement again changes nothing.
 */
export async function storeDelegation(db: Db, statement: Statement, now = new Date()): Promise<void> {
  const { about, who, nonce } = statement
  if (about.kind !== 'delegate') throw refuse('is none')
  if (who.kind !== 'user') throw refuse('is by no person')
  if (sameName(about.to, who.subject)) throw refuse('is to whoever delegates')
  if (!who.groups.includes(about.group) && !who.development) {
    throw refuse(`is of the group \`${about.group}\`, in which ${who.subject} is not`)
  }
  if (Date.parse(about.until) > now.getTime() + MOST_DELEGATED_MS) throw refuse('is for more than a year')
  await db
    .insertInto('countersign.delegations')
    .values({
      nonce,
      from_person: personOf(who.subject),
      from_subject: who.subject,
      from_issuer: who.issuer,
      to_person: personOf(about.to),
      to_subject: about.to,
      group_name: about.group,
      workspace: who.workspace,
      until: new Date(about.until),
      statement: JSON.stringify(statement),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Every delegation in force: neither of them was withdrawn, and whoever delegated is still where he was. */
export async function delegations(db: Db): Promise<readonly Delegated[]> {
  const taken = await withdrawals(db)
  const counting: Delegated[] = []
  for (const one of delegatedNow(await newestDelegations(db).execute())) {
    if (!isTaken(taken, one.from, one.group) && !isTaken(taken, one.to, null) && (await isStillIn(db, one)))
      counting.push(one)
  }
  return counting
}

/** Whether whoever delegated is in the group and the workspace, by what was seen of him since. */
export async function isStillIn(
  db: Db,
  { from: subject, fromIssuer: issuer, group, workspace, madeAt }: Delegated,
): Promise<boolean> {
  const since = await seenOf(db, { subject, issuer }, new Date(madeAt)).executeTakeFirst()
  return since === undefined || (since.groups.includes(group) && since.workspaces.includes(workspace))
}

/** Everybody of whom the ledger has heard: whom the gateway saw, and who said something. */
export async function subjectsHeardOf(db: Db): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('countersign.people')
    .select('subject')
    .union(db.selectFrom('countersign.statements').select('subject'))
    .union(db.selectFrom('countersign.delegations').select('from_subject as subject'))
    .execute()
  return rows.map(({ subject }) => subject)
}

/** The newest between two people in a group and workspace. */
const newestDelegations = (db: Db) =>
  db
    .selectFrom('countersign.delegations')
    .distinctOn(['from_person', 'to_person', 'group_name', 'workspace'])
    .selectAll()
    .orderBy('from_person')
    .orderBy('to_person')
    .orderBy('group_name')
    .orderBy('workspace')
    .orderBy('id', 'desc')

/** Times are texts where a row comes as JSON. */
type DelegationRow = Omit<Selectable<DelegationTable>, 'id' | 'until' | 'made_at'> & {
  readonly until: Date | string
  readonly made_at: Date | string
}

const delegatedNow = (rows: readonly DelegationRow[]): readonly Delegated[] =>
  rows.filter(({ until }) => new Date(until).getTime() > Date.now()).map(delegatedOf)

const delegatedOf = (row: DelegationRow): Delegated => ({
  from: row.from_subject,
  fromIssuer: row.from_issuer,
  to: row.to_subject,
  group: row.group_name,
  workspace: row.workspace,
  until: new Date(row.until).toISOString(),
  madeAt: new Date(row.made_at).toISOString(),
  statement: row.statement,
})
