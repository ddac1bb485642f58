import { sql } from 'kysely'
import type { RunKey } from '../contract/evidence.ts'
import type { LedgerDatabase } from './database.ts'
import type { LedgerTables } from './tables.ts'

export type SweepState = LedgerTables['countersign.sweep_runs']['state']

/** A closed execution of a run, as visibility tells of it. */
export interface ClosedExecution {
  readonly runKey: RunKey
  readonly workflowId: string
  readonly runId: string
  readonly closedAt: Date
}

/** A run that is to be looked at. */
export interface DueRun {
  readonly runKey: RunKey
  readonly workflowId: string
  readonly state: SweepState
  /** Closed executions that were known when it was read: whatever closes later makes it due again. */
  readonly seen: number
}

/** The runs of the ledger that the sweep did not know: opened since then, or all of them. */
export async function noteLedgerRuns(db: LedgerDatabase, namespace: string, since: Date | null): Promise<void> {
  // Most close soon, and visibility tells of that: only those that it does not tell of are asked for one by one.
  await sql`
    INSERT INTO countersign.sweep_runs (run_key, namespace, workflow_id, state, next_at)
    SELECT run_key, ${namespace}, workflow_id, 'open', opened_at + ${LOOK_LATER}
    FROM countersign.runs r
    WHERE (namespace = ${namespace} OR namespace IS NULL) AND (${since}::timestamptz IS NULL OR opened_at >= ${since})
      AND NOT EXISTS (SELECT FROM countersign.sweep_runs s WHERE s.run_key = r.run_key)
    ORDER BY run_key
    ON CONFLICT DO NOTHING`.execute(db)
}

/** Runs that were erased since then and since they were sealed are due: their file has to say so. */
export async function noteErased(db: LedgerDatabase, namespace: string, since: Date | null): Promise<void> {
  await sql`
    UPDATE countersign.sweep_runs s SET state = 'due', due_since = r.erased_at, attempts = 0, why = NULL, next_at = now()
    FROM countersign.runs r
    WHERE s.run_key = r.run_key AND s.namespace = ${namespace} AND s.state = 'sealed'
      AND r.erased_at IS NOT NULL AND (${since}::timestamptz IS NULL OR r.erased_at >= ${since})
      AND NOT EXISTS (SELECT FROM countersign.log_leaves l WHERE l.run_key = s.run_key AND l.sealed_at > r.erased_at)`.execute(
    db,
  )
}

const LOOK_LATER = sql.lit('10 minutes')

/** Those of some executions that were seen. */
export async function seenExecutions(db: LedgerDatabase, runIds: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ run_id: string }>`
    SELECT run_id FROM countersign.sweep_executions WHERE run_id = ANY(${runIds})`.execute(db)
  return new Set(rows.map(({ run_id }) => run_id))
}

/** Those of some run keys that the ledger has. */
export async function runsAmong(db: LedgerDatabase, runKeys: readonly RunKey[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ run_key: string }>`
    SELECT run_key FROM countersign.runs WHERE run_key = ANY(${runKeys})`.execute(db)
  return new Set(rows.map(({ run_key }) => run_key))
}

/** Makes runs due of which executions closed that were not seen. */
export async function noteClosed(
  db: LedgerDatabase,
  namespace: string,
  closed: readonly ClosedExecution[],
): Promise<void> {
  if (closed.length === 0) return
  const runIds = closed.map(({ runId }) => runId)
  const runKeys = closed.map(({ runKey }) => runKey)
  const workflowIds = closed.map(({ workflowId }) => workflowId)
  const times = closed.map(({ closedAt }) => closedAt.toISOString())
  await sql`
    WITH given AS (
      SELECT * FROM unnest(${runIds}::text[], ${runKeys}::text[], ${workflowIds}::text[], ${times}::timestamptz[])
        AS t (run_id, run_key, workflow_id, closed_at)
    ), fresh AS (
      INSERT INTO countersign.sweep_executions (run_id, run_key, closed_at)
      SELECT run_id, run_key, closed_at FROM given ORDER BY run_id
      ON CONFLICT DO NOTHING RETURNING run_id
    )
    INSERT INTO countersign.sweep_runs AS known (run_key, namespace, workflow_id, state, seen, closed_at, due_since)
    SELECT run_key, ${namespace}, min(workflow_id), 'due', count(*), max(closed_at), min(closed_at)
    FROM given JOIN fresh USING (run_id) GROUP BY run_key ORDER BY run_key
    ON CONFLICT (run_key) DO UPDATE SET
      state = CASE known.state WHEN 'altered' THEN 'altered' ELSE 'due' END,
      seen = known.seen + excluded.seen,
      closed_at = greatest(known.closed_at, excluded.closed_at),
      due_since = CASE known.state WHEN 'due' THEN known.due_since ELSE excluded.due_since END,
      attempts = 0, why = CASE known.state WHEN 'altered' THEN known.why END, next_at = now()`.execute(db)
}

/** The closed executions of a run that were seen; `undefined`: none, of a run that visibility has not told of. */
export async function executionsOf(db: LedgerDatabase, runKey: RunKey): Promise<readonly string[] | undefined> {
  const { rows } = await sql<{ run_id: string }>`
    SELECT run_id FROM countersign.sweep_executions WHERE run_key = ${runKey}`.execute(db)
  return rows.length === 0 ? undefined : rows.map(({ run_id }) => run_id)
}

/** Some of the runs that are to be looked at now; of several partitions, each run is in one. */
export async function dueRuns(
  db: LedgerDatabase,
  { namespace, partition, of, most }: { namespace: string; partition: number; of: number; most: number },
): Promise<readonly DueRun[]> {
  const { rows } = await sql<{ run_key: string; workflow_id: string; state: SweepState; seen: number }>`
    SELECT run_key, workflow_id, state, seen FROM countersign.sweep_runs
    WHERE namespace = ${namespace} AND state IN ('open', 'due', 'altered') AND next_at <= now()
      AND mod(abs(hashtext(run_key)::bigint), ${of}::bigint) = ${partition}::bigint
    ORDER BY next_at LIMIT ${most}`.execute(db)
  return rows.map(({ run_key, workflow_id, state, seen }) => ({
    runKey: run_key as RunKey,
    workflowId: workflow_id,
    state,
    seen,
  }))
}

const row = (db: LedgerDatabase, { runKey }: Pick<DueRun, 'runKey'>) =>
  db.updateTable('countersign.sweep_runs').where('run_key', '=', runKey)

/** All of it that was seen is sealed. What has closed meanwhile keeps it due. */
export async function markSealed(db: LedgerDatabase, run: DueRun, leaf: number): Promise<void> {
  await row(db, run)
    .set({ state: 'sealed', leaf, attempts: 0, why: null, due_since: null })
    .where('seen', '=', run.seen)
    .execute()
}

/** It is open: it is looked at again after a tenth of its age. */
export async function markOpen(db: LedgerDatabase, run: DueRun): Promise<void> {
  await row(db, run)
    .set({
      next_at: sql<Date>`now() + least(greatest((now() - known_at) / 10, interval '10 minutes'), interval '6 hours')`,
    })
    .where('state', '=', 'open')
    .execute()
}

/** What keeps it from being sealed, or being sealed here, until somebody does something. */
export async function markAs(
  db: LedgerDatabase,
  run: DueRun,
  state: 'altered' | 'gone' | 'elsewhere',
  why: string | null,
): Promise<void> {
  await row(db, run)
    .set({
      state,
      why,
      due_since: sql<Date>`coalesce(due_since, now())`,
      next_at: sql<Date>`now() + interval '1 hour'`,
    })
    .where('seen', '=', run.seen)
    .execute()
}

/** It could not be sealed this time. Later it is tried again, after longer each time. */
export async function markFailed(db: LedgerDatabase, run: DueRun, why: string): Promise<void> {
  await row(db, run)
    .set({
      attempts: sql<number>`attempts + 1`,
      why,
      next_at: sql<Date>`now() + least(make_interval(secs => 10 * power(2, least(attempts, 10))), interval '1 hour')`,
    })
    .execute()
}
