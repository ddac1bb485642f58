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

/** It began; what kept the one before it from going on is tried again. */
export async function markBegun(
  db: LedgerDatabase,
  { namespace, taskQueue }: SweepName,
  archive: string | null,
): Promise<void> {
  const now = { began_at: sql<Date>`now()`, archive, trouble: null }
  await db
    .insertInto('countersign.sweep_marks')
    .values({ namespace, task_queue: taskQueue, sealed: 0, failed: 0, ...now })
    .onConflict((conflict) => conflict.columns(['namespace', 'task_queue']).doUpdateSet(now))
    .execute()
}

/** It came to its end; where it is not complete, what it was told of keeps standing. */
export async function markEnded(
  db: LedgerDatabase,
  name: SweepName,
  { sealed, failed, isComplete }: { readonly sealed: number; readonly failed: number; readonly isComplete: boolean },
): Promise<void> {
  await ofSweep(db, name)
    .set({ sealed, failed, ended_at: sql<Date>`now()`, ...(isComplete && { trouble: null }) })
    .execute()
}

/** Why a sweep does not go on, or is not complete. */
export async function markTrouble(db: LedgerDatabase, name: SweepName, trouble: string): Promise<void> {
  await ofSweep(db, name).set({ trouble }).execute()
}
