import { sql } from 'kysely'
import type { LedgerDatabase } from './database.ts'

/** Which sweep it is. */
export interface SweepName {
  readonly namespace: string
  readonly taskQueue: string
}

/** A look for what has closed. */
export interface Look {
  /** By the clock of the database. */
  readonly beganAt: Date
  /** What closed before that is known; `null`: it looks at everything. */
  readonly since: Date | null
}

const ofSweep = (db: LedgerDatabase, { namespace, taskQueue }: SweepName) =>
  db.updateTable('countersign.sweep_marks').where('namespace', '=', namespace).where('task_queue', '=', taskQueue)

/** From where on it looks: at everything the first time, and once in a while. */
export async function beginLook(db: LedgerDatabase, name: SweepName, allEveryMs: number): Promise<Look> {
  await db
    .insertInto('countersign.sweep_marks')
    .values({ namespace: name.namespace, task_queue: name.taskQueue, sealed: 0, failed: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const { rows } = await sql<{ now: Date; since: Date | null }>`
    SELECT clock_timestamp() AS now,
      CASE WHEN looked_at_all > now() - make_interval(secs => ${allEveryMs / 1000}) THEN looked_to END AS since
    FROM countersign.sweep_marks WHERE namespace = ${name.namespace} AND task_queue = ${name.taskQueue}`.execute(db)
  const [row] = rows
  return { beganAt: row?.now ?? new Date(0), since: row?.since ?? null }
}

/** It saw everything up to when it began. */
export async function endLook(db: LedgerDatabase, name: SweepName, { beganAt, since }: Look): Promise<void> {
  await ofSweep(db, name)
    .set({
      looked_to: sql<Date>`greatest(looked_to, ${beganAt})`,
      ...(since === null && { looked_at_all: beganAt }),
    })
    .execute()
}

export async function markBegun(db: LedgerDatabase, name: SweepName, archive: string | null): Promise<void> {
  await db
    .insertInto('countersign.sweep_marks')
    .values({
      namespace: name.namespace,
      task_queue: name.taskQueue,
      sealed: 0,
      failed: 0,
      began_at: sql<Date>`now()`,
      archive,
    })
    .onConflict((conflict) =>
      conflict.columns(['namespace', 'task_queue']).doUpdateSet({ began_at: sql<Date>`now()`, archive }),
    )
    .execute()
}

/** What came of a sweep. */
export interface SweepEnd {
  readonly sealed: number
  readonly failed: number
  /** `null`: it came to its end. */
  readonly trouble: string | null
}

export async function markEnded(db: LedgerDatabase, name: SweepName, end: SweepEnd): Promise<void> {
  await ofSweep(db, name)
    .set({ ...end, ended_at: sql<Date>`now()` })
    .execute()
}

/** Why a sweep that is under way does not go on. */
export async function markTrouble(db: LedgerDatabase, name: SweepName, trouble: string): Promise<void> {
  await ofSweep(db, name).set({ trouble }).execute()
}
