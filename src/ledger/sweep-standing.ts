import { sql } from 'kysely'
import type { RunKey } from '../contract/evidence.ts'
import type { LedgerDatabase } from './database.ts'
import type { SweepName } from './sweep-marks.ts'
import type { SweepState } from './sweep-runs.ts'

/** A run that is not in the log as it is. */
export interface Unsealed {
  readonly runKey: RunKey
  readonly since: Date
  readonly attempts: number
  readonly why: string | null
}

/** How far the log is behind what has closed. */
export interface SweepStanding {
  readonly runs: Readonly<Record<SweepState, number>>
  /** Of `gone`: those that were over before there was a sweep. */
  readonly goneBefore: number
  /** Runs that Temporal had and the ledger has not. */
  readonly unknownToLedger: number
  /** Those that are closed and not sealed, the oldest first: so many at most. */
  readonly missing: readonly Unsealed[]
  /** Of which Temporal tells otherwise than what was sealed. */
  readonly altered: readonly Unsealed[]
  readonly log: {
    readonly size: number
    /** The newest checkpoint; `null`: none was signed. */
    readonly checkpoint: { readonly size: number; readonly at: Date; readonly witnesses: number } | null
  }
  /** `null`: nothing is copied. */
  readonly copies: { readonly store: string; readonly missing: number } | null
  /** `null`: there never was one. */
  readonly last: {
    readonly beganAt: Date | null
    readonly endedAt: Date | null
    readonly sealed: number
    readonly failed: number
    readonly trouble: string | null
  } | null
}

const STATES: readonly SweepState[] = ['open', 'due', 'sealed', 'altered', 'gone', 'elsewhere']
const MOST_LISTED = 20

/** Looks at how far it is, in the ledger alone. */
export async function sweepStanding(db: LedgerDatabase, name: SweepName): Promise<SweepStanding> {
  const mark = await db
    .selectFrom('countersign.sweep_marks')
    .selectAll()
    .where('namespace', '=', name.namespace)
    .where('task_queue', '=', name.taskQueue)
    .executeTakeFirst()
  const { rows: counts } = await sql<{ state: SweepState; n: string }>`
    SELECT state, count(*) AS n FROM countersign.sweep_runs WHERE namespace = ${name.namespace} GROUP BY state`.execute(
    db,
  )
  const { rows: strangers } = await sql<{ n: string }>`
    SELECT count(*) AS n FROM countersign.sweep_runs s WHERE namespace = ${name.namespace}
      AND NOT EXISTS (SELECT FROM countersign.runs r WHERE r.run_key = s.run_key)`.execute(db)
  const { rows: before } = await sql<{ n: string }>`
    SELECT count(*) AS n ${goneIn(name)} AND ${isBefore(mark?.first_at)}`.execute(db)
  const { missing: copies } = await copiesOf(db, mark?.archive ?? null)
  return {
    runs: Object.fromEntries(
      STATES.map((state) => [state, Number(counts.find((row) => row.state === state)?.n ?? 0)]),
    ) as Record<SweepState, number>,
    goneBefore: Number(before[0]?.n ?? 0),
    unknownToLedger: Number(strangers[0]?.n ?? 0),
    missing: await unsealed(db, name, sql`(s.state = 'due' OR (s.state = 'gone' AND NOT ${isBefore(mark?.first_at)}))`),
    altered: await unsealed(db, name, sql`s.state = 'altered'`),
    log: await logOf(db),
    copies: mark?.archive == null ? null : { store: mark.archive, missing: copies },
    last:
      mark === undefined
        ? null
        : {
            beganAt: mark.began_at,
            endedAt: mark.ended_at,
            sealed: mark.sealed,
            failed: mark.failed,
            trouble: mark.trouble,
          },
  }
}

const goneIn = ({ namespace }: SweepName) => sql`
  FROM countersign.sweep_runs s LEFT JOIN countersign.runs r USING (run_key)
  WHERE s.namespace = ${namespace} AND s.state = 'gone'`

const isBefore = (firstAt: Date | undefined) =>
  sql<boolean>`coalesce(s.closed_at, r.opened_at, s.known_at) < ${firstAt ?? new Date(0)}::timestamptz`

async function unsealed(
  db: LedgerDatabase,
  { namespace }: SweepName,
  which: ReturnType<typeof sql>,
): Promise<readonly Unsealed[]> {
  const { rows } = await sql<{ run_key: string; due_since: Date; attempts: number; why: string | null }>`
    SELECT s.run_key, coalesce(s.due_since, s.known_at) AS due_since, s.attempts, s.why
    FROM countersign.sweep_runs s LEFT JOIN countersign.runs r USING (run_key)
    WHERE s.namespace = ${namespace} AND ${which}
    ORDER BY 2 LIMIT ${MOST_LISTED}`.execute(db)
  return rows.map(({ run_key, due_since, attempts, why }) => ({
    runKey: run_key as RunKey,
    since: due_since,
    attempts,
    why,
  }))
}

async function logOf(db: LedgerDatabase): Promise<SweepStanding['log']> {
  const { rows } = await sql<{ size: number; signed: number | null; at: Date; witnesses: string }>`
    SELECT coalesce((SELECT max(index) FROM countersign.log_leaves), -1) + 1 AS size, c.size AS signed, c.signed_at AS at,
      (SELECT count(*) FROM countersign.log_cosignatures o WHERE o.checkpoint_id = c.id) AS witnesses
    FROM (SELECT 1) AS one
    LEFT JOIN LATERAL (SELECT * FROM countersign.log_checkpoints ORDER BY size DESC, id DESC LIMIT 1) AS c ON true`.execute(
    db,
  )
  const [row] = rows
  return {
    size: row?.size ?? 0,
    checkpoint:
      row === undefined || row.signed === null
        ? null
        : { size: row.signed, at: row.at, witnesses: Number(row.witnesses) },
  }
}

async function copiesOf(db: LedgerDatabase, store: string | null): Promise<{ readonly missing: number }> {
  if (store === null) return { missing: 0 }
  const { rows } = await sql<{ n: string }>`
    SELECT (SELECT count(*) FROM countersign.log_leaves)
      - (SELECT count(*) FROM countersign.archive_copies WHERE store = ${store}) AS n`.execute(db)
  return { missing: Number(rows[0]?.n ?? 0) }
}
