import { type Kysely, type Selectable, sql } from 'kysely'
import { shortened } from '../contract/plain-text.ts'
import type { HoldTable, LedgerTables } from './tables.ts'

/** A database or a transaction on it. */
type Db = Kysely<LedgerTables>

export const HOLD_SCOPES = ['subject', 'run', 'workspace'] as const

/** What is held: of a person the keyed hash of his name, of a run its key or workflow id. */
export interface HoldTarget {
  readonly scope: (typeof HOLD_SCOPES)[number]
  readonly name: string
}

/** A legal hold: nothing that it covers is erased while it is in force. */
export interface Hold extends HoldTarget {
  readonly id: string
  readonly reason: string
  readonly by: string
  /** ISO 8601, UTC. */
  readonly at: string
  /** `null`: it is in force. */
  readonly lifted: { readonly by: string; readonly reason: string; readonly at: string } | null
}

/** On whom or what of a kind some holds are. */
export const namesHeld = (inForce: readonly Hold[], scope: Hold['scope']): readonly string[] =>
  inForce.flatMap((hold) => (hold.scope === scope ? [hold.name] : []))

const holdOf = (row: Selectable<HoldTable>): Hold => ({
  id: row.id,
  scope: row.scope,
  name: row.name,
  reason: row.reason,
  by: row.held_by,
  at: row.held_at.toISOString(),
  lifted:
    row.lifted_by === null || row.lift_reason === null || row.lifted_at === null
      ? null
      : { by: row.lifted_by, reason: row.lift_reason, at: row.lifted_at.toISOString() },
})

/** Holds something; the hold that stands already is answered where there is one. */
export async function placeHold(
  db: Db,
  { scope, name }: HoldTarget,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<{ readonly hold: Hold; readonly isNew: boolean }> {
  for (;;) {
    const row = await db
      .insertInto('countersign.holds')
      .values({ scope, name, reason, held_by: by })
      .onConflict((conflict) => conflict.columns(['scope', 'name']).where('lifted_at', 'is', null).doNothing())
      .returningAll()
      .executeTakeFirst()
    if (row !== undefined) return { hold: holdOf(row), isNew: true }
    const standing = (await holds(db)).find((one) => one.scope === scope && one.name === name)
    // Lifted in between: it has to be held after all.
    if (standing !== undefined) return { hold: standing, isNew: false }
  }
}

/** Lifts a hold by its number; `undefined`: none of that number is in force. */
export async function liftHold(
  db: Db,
  id: string,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<Hold | undefined> {
  const row = await db
    .updateTable('countersign.holds')
    .set({ lifted_by: by, lift_reason: reason, lifted_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('lifted_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row === undefined ? undefined : holdOf(row)
}

/** The holds in force, or all there ever were. */
export async function holds(db: Db, which: 'in force' | 'all' = 'in force'): Promise<readonly Hold[]> {
  const rows = await db
    .selectFrom('countersign.holds')
    .selectAll()
    .$if(which === 'in force', (query) => query.where('lifted_at', 'is', null))
    .orderBy('id', 'desc')
    .execute()
  return rows.map(holdOf)
}

/** Keeps holds from being placed or lifted until the transaction ends, so that what is looked up now counts when it commits. */
export const lockHolds = (tx: Db): Promise<unknown> => sql`LOCK TABLE countersign.holds IN SHARE MODE`.execute(tx)

/** A hold in force that covers one of these; `undefined`: none does. */
export async function holdOver(tx: Db, targets: readonly HoldTarget[]): Promise<Hold | undefined> {
  if (targets.length === 0) return undefined
  const wanted = new Set(targets.map(({ scope, name }) => `${scope} ${name}`))
  return (await holds(tx)).find(({ scope, name }) => wanted.has(`${scope} ${name}`))
}

/** A hold in words, without a name of a person in it. */
export const holdText = ({ id, scope, name, by, reason, at }: Hold): string =>
  `hold ${id} on the ${scope} ${scope === 'subject' ? `${name.slice(0, 12)}…` : name}, since ${at} by ${by}: ${shortened(reason, 200)}`
