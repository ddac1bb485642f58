import { type Kysely, type Selectable, sql } from 'kysely'
import type { z } from 'zod'
import { firstIssue } from '../contract/issue.ts'
import { shortened } from '../contract/plain-text.ts'
import type { Statement } from '../contract/statement.ts'
import { type StopMark, stopTarget, type StopTarget, stopWord, type StopWord } from '../contract/stop.ts'
import type { LedgerDatabase } from './database.ts'
import type { LedgerTables, StopTable } from './tables.ts'

/** A stop, in force or lifted: rows are added and lifted, and never deleted. */
export interface Stop extends StopMark {
  /** `null`: it is in force. */
  readonly lifted: (SignedWord & { readonly at: string }) | null
  /** Whose word it is; `null`: nobody's who proved who he is, as when the gateway was down. */
  readonly statement: Statement | null
}

/** Who and why, with the verified statement that says so: see `stopNow`, `liftNow` and `breakGlass`. */
export interface SignedWord extends StopWord {
  readonly statement: Statement | null
}

/**
 * Stops something at once: from now on hosts refuse what it covers. `isNew` is false when it was stopped already: the
 * stop that stands is answered then. Throws `RangeError` on a target or a word that is none.
 */
export async function placeStop(
  db: LedgerDatabase,
  of: StopTarget,
  said: SignedWord,
): Promise<{ readonly stop: Stop; readonly isNew: boolean }> {
  const { scope, name } = parsed(stopTarget(), { scope: of.scope, name: of.name })
  const { by, reason } = parsed(stopWord(), { by: said.by, reason: said.reason })
  for (;;) {
    const row = await db
      .insertInto('countersign.stops')
      .values({ scope, name, stopped_by: by, reason, statement: said.statement && JSON.stringify(said.statement) })
      .onConflict((conflict) => conflict.columns(['scope', 'name']).where('lifted_at', 'is', null).doNothing())
      .returningAll()
      .executeTakeFirst()
    if (row !== undefined) return { stop: stopOf(row), isNew: true }
    const [standing] = await stopsInForce(db, [{ scope, name }])
    // Lifted in between: it has to be stopped after all.
    if (standing !== undefined) return { stop: standing, isNew: false }
  }
}

/** Lifts the stop of something; `undefined` when none is in force. Throws `RangeError` as `placeStop` does. */
export async function liftStop(
  db: LedgerDatabase,
  of: StopTarget,
  said: SignedWord & { readonly statement: Statement },
): Promise<Stop | undefined> {
  const { scope, name } = parsed(stopTarget(), { scope: of.scope, name: of.name })
  const { by, reason } = parsed(stopWord(), { by: said.by, reason: said.reason })
  const row = await db
    .updateTable('countersign.stops')
    .set({
      lifted_by: by,
      lift_reason: reason,
      lifted_at: sql<Date>`now()`,
      lift_statement: JSON.stringify(said.statement),
    })
    .where('scope', '=', scope)
    .where('name', '=', name)
    .where('lifted_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row === undefined ? undefined : stopOf(row)
}

/** What is stopped; of these targets where some are given. */
export async function stopsInForce(
  db: Kysely<LedgerTables>,
  targets?: readonly StopTarget[],
): Promise<readonly Stop[]> {
  const rows = await db
    .selectFrom('countersign.stops')
    .selectAll()
    .where('lifted_at', 'is', null)
    .$if(targets !== undefined, (query) =>
      query.where((where) =>
        where(
          where.refTuple('scope', 'name'),
          'in',
          (targets ?? []).map(({ scope, name }) => where.tuple(scope, name)),
        ),
      ),
    )
    .orderBy('id')
    .execute()
  return rows.map(stopOf)
}

/** A row where anything at all is stopped. */
export const ANY_STOP = sql`SELECT FROM countersign.stops WHERE lifted_at IS NULL`

/** Whether anything at all is stopped: nearly always nothing is, and this is half the price of asking what. */
export async function isAnyInForce(db: Kysely<LedgerTables>): Promise<boolean> {
  const { rows } = await sql`${ANY_STOP} LIMIT 1`.execute(db)
  return rows.length > 0
}

/** Every stop there ever was, the newest first; of one target where it is given. */
export async function stopHistory(db: LedgerDatabase, of?: StopTarget): Promise<readonly Stop[]> {
  const rows = await db
    .selectFrom('countersign.stops')
    .selectAll()
    .$if(of !== undefined, (query) => query.where('scope', '=', of?.scope ?? 'run').where('name', '=', of?.name ?? ''))
    .orderBy('id', 'desc')
    .execute()
  return rows.map(stopOf)
}

/** The workspaces of the runs with a workflow id or run key. */
export async function workspacesOf(db: LedgerDatabase, run: string): Promise<readonly string[]> {
  const { rows } = await sql<{ workspace: string }>`
    SELECT DISTINCT principal ->> 'workspace' AS workspace FROM countersign.runs
    WHERE run_key = ${run} OR workflow_id = ${run}`.execute(db)
  return rows.map(({ workspace }) => workspace)
}

/** Somebody's word to stop something, or to let it go on, that did not count. */
export interface RefusedStop extends StopTarget {
  readonly kind: 'stop' | 'resume'
  readonly reason: string
  /** Whose statement it is; `null`: nobody verified it. */
  readonly by: string | null
  readonly code: string
  readonly message: string
  /** ISO 8601, UTC. */
  readonly at: string
}

/** The most characters that are kept of each text of a refused word. */
const MOST_KEPT = 2_000
const kept = (text: string): string => shortened(text.toWellFormed().replaceAll('\0', ''), MOST_KEPT)

/** Writes down that somebody's word did not count. */
export async function noteRefused(db: LedgerDatabase, { by, ...refused }: Omit<RefusedStop, 'at'>): Promise<void> {
  const { kind, ...texts } = refused
  await db
    .insertInto('countersign.refused_stops')
    .values({
      kind,
      subject: by,
      scope: kept(texts.scope),
      name: kept(texts.name),
      reason: kept(texts.reason),
      code: texts.code,
      message: kept(texts.message),
    })
    .execute()
}

/** What did not count, the newest first; at most a thousand. */
export async function refusedStops(db: LedgerDatabase): Promise<readonly RefusedStop[]> {
  const rows = await db.selectFrom('countersign.refused_stops').selectAll().orderBy('id', 'desc').limit(1_000).execute()
  return rows.map(({ at, kind, scope, name, reason, subject, code, message }) => ({
    at: at.toISOString(),
    kind,
    scope: scope as StopTarget['scope'],
    name,
    reason,
    by: subject,
    code,
    message,
  }))
}

/** Whether the ledger has heard of it: an opened run, an effect of a tool, the policy of a playbook. */
export async function isKnown(db: LedgerDatabase, { scope, name }: StopTarget): Promise<boolean> {
  const known = {
    run: sql`SELECT FROM countersign.runs WHERE run_key = ${name} OR workflow_id = ${name}`,
    tool: sql`SELECT FROM countersign.effects WHERE tool = ${name}`,
    playbook: sql`SELECT FROM countersign.policies WHERE workflow = ${name}`,
    workspace: sql`SELECT FROM countersign.runs WHERE principal ->> 'workspace' = ${name}`,
  }
  const { rows } = await sql<{ known: boolean }>`SELECT EXISTS (${known[scope]}) AS known`.execute(db)
  return rows[0]?.known === true
}

const stopOf = (row: Selectable<StopTable>): Stop => ({
  id: row.id,
  scope: row.scope,
  name: row.name,
  by: row.stopped_by,
  reason: row.reason,
  at: row.stopped_at.toISOString(),
  lifted:
    row.lifted_by === null || row.lift_reason === null || row.lifted_at === null
      ? null
      : {
          by: row.lifted_by,
          reason: row.lift_reason,
          at: row.lifted_at.toISOString(),
          statement: row.lift_statement,
        },
  statement: row.statement,
})

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new RangeError(`a stop cannot be written down: ${firstIssue(result.error)}`)
}
