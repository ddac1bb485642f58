import { type Kysely, sql } from 'kysely'
import { setTimeout as delay } from 'node:timers/promises'
import { erasedRuns, openErasures, storeCertificate } from '../ledger/erasures.ts'
import { holds, lockHolds, namesHeld } from '../ledger/holds.ts'
import type { LedgerTables } from '../ledger/tables.ts'
import { type Certificate, signCertificate } from './certificates.ts'
import { goOn, leftOf, type SigningParts } from './erase.ts'
import { eraseWorkflow } from './erase-workflow.ts'
import { destroyUnopened, unopenedKeys } from './unopened-keys.ts'

type Tx = Kysely<LedgerTables>

/** How retention is kept. */
export interface RetentionParts extends SigningParts {
  readonly namespace: string
  /**
   * Days after which what is of no run is deleted: the longest of the policies in force; `null`: one of them sets no end, and it is
   * kept.
   */
  readonly longestDays: () => Promise<number | null>
  /** Default: the clock of this machine. */
  readonly now?: (() => Date | Promise<Date>) | undefined
  /** Is told what a sweep did, or why it failed. */
  readonly told?: (swept: Swept | { readonly failed: unknown }) => void
}

/** What one sweep came to. */
export interface Swept {
  /** Runs whose time was over. */
  readonly runs: number
  /** Workflows that are due and held. */
  readonly held: number
  /** Erasures of people that were taken further. */
  readonly erasures: number
  /** `null`: nothing was deleted, so there is nothing to prove. */
  readonly certificate: Certificate | null
}

const DAY_MS = 86_400_000
const PAGE = 200
/** Longer than any attempt takes. */
const LATE_DAYS = 7
/** The row that says when any worker began last. */
const NAME = 'retention'

/**
 * Deletes what is past its time, and goes on with erasures that waited: one sweep an interval, by whichever worker of the database comes
 * first. Everything that it does is a transaction of its own under locks, so a sweep that is killed, or one beside it, does no harm.
 */
export class Retention {
  readonly #parts: RetentionParts

  constructor(parts: RetentionParts) {
    this.#parts = parts
  }

  /** Sweeps once an interval until it is told to stop: gives what stops it. */
  watch(everyMs: number): () => void {
    const ended = new AbortController()
    if (everyMs > 0) void this.#run(everyMs, ended.signal)
    return () => ended.abort()
  }

  async #run(everyMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      await delay(Math.min(everyMs, 60_000), undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      try {
        if (await this.#isMyTurn(everyMs)) this.#parts.told?.(await this.sweep())
      } catch (error) {
        // Temporal or the database is away: what is due stays due.
        this.#parts.told?.({ failed: error })
      }
    }
  }

  async #isMyTurn(everyMs: number): Promise<boolean> {
    const { rows } = await sql`
      INSERT INTO countersign.sweeps AS last (name, began_at) VALUES (${NAME}, clock_timestamp())
      ON CONFLICT (name) DO UPDATE SET began_at = excluded.began_at
        WHERE last.began_at < excluded.began_at - make_interval(secs => ${everyMs / 1000})
      RETURNING name`.execute(this.#parts.db)
    return rows.length > 0
  }

  /** Deletes what is due now, and proves it. */
  async sweep(): Promise<Swept> {
    const { db, now = () => new Date() } = this.#parts
    let erasures = 0
    for (const erasure of await openErasures(db)) {
      await goOn(this.#parts, erasure)
      erasures += 1
    }
    await this.#late()
    const at = await now()
    const { runs, held } = await this.#dueRuns(at)
    return { runs, held, erasures, certificate: await this.#certified(at) }
  }

  async #dueRuns(now: Date): Promise<{ readonly runs: number; readonly held: number }> {
    const { namespace } = this.#parts
    let runs = 0
    let held = 0
    for await (const workflowId of this.#candidates(now)) {
      const result = await eraseWorkflow(
        this.#parts,
        { namespace, workflowId },
        { erasureId: null, why: 'retention', isDue: async (tx) => await isWholeDue(tx, namespace, workflowId, now) },
      )
      if (result.came === 'erased') runs += result.runKeys.length
      if (result.came === 'held') held += 1
    }
    return { runs, held }
  }

  /** An attempt that was cut off can write to a run that was closed under it, and erased: what came late goes, too. */
  async #late(): Promise<void> {
    const { db, namespace } = this.#parts
    const { rows } = await sql<{ workflow_id: string }>`
      SELECT DISTINCT r.workflow_id FROM countersign.runs r JOIN countersign.effects e USING (run_key)
      WHERE r.namespace = ${namespace} AND r.erased_at > now() - make_interval(days => ${LATE_DAYS})
        AND e.input_digest NOT LIKE 'hmac-%'`.execute(db)
    for (const { workflow_id: workflowId } of rows) {
      await eraseWorkflow(this.#parts, { namespace, workflowId }, { erasureId: null, why: 'it came late' })
    }
  }

  /** Workflows of which a run is past its time, once it is known when they closed. */
  async *#candidates(now: Date): AsyncGenerator<string> {
    const { db, namespace, standingOf } = this.#parts
    for (let last = ''; ;) {
      const rows = await db
        .selectFrom('countersign.runs')
        .select(['run_key', 'workflow_id', 'closed_at'])
        .where('namespace', '=', namespace)
        .where('retain_days', 'is not', null)
        .where('erased_at', 'is', null)
        // What was opened later cannot have been closed for so long.
        .where(sql<boolean>`coalesce(closed_at, opened_at) <= ${now}::timestamptz - make_interval(days => retain_days)`)
        .where('run_key', '>', last)
        .orderBy('run_key')
        .limit(PAGE)
        .execute()
      for (const { run_key, workflow_id, closed_at } of rows) {
        if (closed_at === null) {
          const standing = await standingOf(namespace, workflow_id)
          if (standing.is !== 'closed') continue
          // Of what Temporal has forgotten nobody knows when it closed: its time begins when that is seen.
          await db
            .updateTable('countersign.runs')
            .set({ closed_at: standing.at ?? now })
            .where('run_key', '=', run_key)
            .execute()
        }
        yield workflow_id
      }
      const end = rows.at(-1)
      if (end === undefined || rows.length < PAGE) return
      last = end.run_key
    }
  }

  /** Deletes what is of no run, and states with that what this and earlier sweeps deleted that nobody has stated yet. */
  async #certified(now: Date): Promise<Certificate | null> {
    const { db, key, longestDays } = this.#parts
    const days = await longestDays()
    const before = days === null ? undefined : new Date(now.getTime() - days * DAY_MS)
    // Before the transaction: Temporal is asked.
    const unopened = before === undefined ? [] : await unopenedKeys(this.#parts, before)
    return await db.transaction().execute(async (tx) => {
      const rows = before === undefined ? {} : await deleteOld(tx, before, unopened)
      const { ids, runs } = await erasedRuns(tx, null, 'uncertified')
      if (ids.length === 0 && Object.keys(rows).length === 0) return null
      const certificate = signCertificate(key, {
        v: 1,
        kind: 'retention',
        at: new Date().toISOString(),
        runs: [...runs],
        rows: { ...rows },
        left: [...leftOf(runs)],
      })
      await storeCertificate(tx, certificate, { erasureId: null, ids, isOver: true })
      return certificate
    })
  }
}

/** Whether every run of a workflow id, which share a key, is past its time. */
async function isWholeDue(tx: Tx, namespace: string, workflowId: string, now: Date): Promise<boolean> {
  const { rows } = await sql<{ due: boolean }>`
    SELECT coalesce(bool_and(
      closed_at IS NOT NULL AND retain_days IS NOT NULL AND closed_at <= ${now}::timestamptz - make_interval(days => retain_days)
    ), false) AS due
    FROM countersign.runs
    WHERE workflow_id = ${workflowId} AND (namespace = ${namespace} OR namespace IS NULL) AND erased_at IS NULL`.execute(
    tx,
  )
  return rows[0]?.due === true
}

/** Deletes what the gateway was asked, statements, refused stops and keys that are of no run, of before a time; but what is held. */
async function deleteOld(tx: Tx, before: Date, unopened: readonly string[]): Promise<Readonly<Record<string, number>>> {
  await lockHolds(tx)
  const inForce = await holds(tx)
  const workspaces = namesHeld(inForce, 'workspace')
  const runs = namesHeld(inForce, 'run')
  const people = namesHeld(inForce, 'subject')
  const attempts = await sql`
    DELETE FROM countersign.attempts a
    WHERE at < ${before} AND (workspace IS NULL OR workspace <> ALL(${workspaces}))
      AND coalesce(about ->> 'workspace', '') <> ALL(${workspaces})
      AND NOT EXISTS (SELECT FROM countersign.runs r
        WHERE r.run_key = a.about ->> 'runKey' OR r.workflow_id = a.about ->> 'workflowId')
      AND coalesce(about ->> 'runKey', '') <> ALL(${runs}) AND coalesce(about ->> 'workflowId', '') <> ALL(${runs})
    RETURNING id`.execute(tx)
  const statements = await sql`
    DELETE FROM countersign.statements WHERE used_at < ${before} AND run_key IS NULL RETURNING nonce`.execute(tx)
  const refused = await sql`
    DELETE FROM countersign.refused_stops
    WHERE at < ${before} AND NOT (scope = 'workspace' AND name = ANY(${workspaces})) AND NOT (scope = 'run' AND name = ANY(${runs}))
    RETURNING id`.execute(tx)
  // Who asked for what can be read of a run that is held is held with it.
  const calls = await sql`
    DELETE FROM countersign.codec_calls c
    WHERE at < ${before} AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(c.keys) AS used JOIN countersign.data_keys k ON k.key_id = used ->> 'key'
        LEFT JOIN countersign.runs r ON r.workflow_id = k.workflow_id
        LEFT JOIN countersign.data_subjects s ON s.workflow_id = k.workflow_id
      WHERE k.workflow_id = ANY(${runs}) OR r.run_key = ANY(${runs})
        OR r.principal ->> 'workspace' = ANY(${workspaces}) OR s.subject_hash = ANY(${people}))
    RETURNING id`.execute(tx)
  const counts = {
    attempts: attempts.rows.length,
    statements: statements.rows.length,
    refused_stops: refused.rows.length,
    codec_calls: calls.rows.length,
    ...(await destroyUnopened(tx, unopened, inForce)),
  }
  return Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0))
}
