import { type Kysely, sql } from 'kysely'
import type { Certificate, ErasedRun } from '../privacy/certificates.ts'
import type { Did, WorkflowRef } from '../privacy/erase-workflow.ts'
import type { LedgerTables } from './tables.ts'

/** A database or a transaction on it. */
type Db = Kysely<LedgerTables>

/** Somebody is to be forgotten. */
export interface Erasure {
  readonly id: string
  readonly subjectHash: string
  readonly reason: string
  readonly by: string
  readonly askedAt: Date
  readonly doneAt: Date | null
}

const columns = ['id', 'subject_hash', 'reason', 'asked_by', 'asked_at', 'done_at'] as const

interface Row {
  readonly id: string
  readonly subject_hash: string
  readonly reason: string
  readonly asked_by: string
  readonly asked_at: Date
  readonly done_at: Date | null
}

const erasureOf = (row: Row): Erasure => ({
  id: row.id,
  subjectHash: row.subject_hash,
  reason: row.reason,
  by: row.asked_by,
  askedAt: row.asked_at,
  doneAt: row.done_at,
})

/** The workflows whose data is about somebody, by the keyed hash of who. */
export async function workflowsOf(db: Db, subjectHash: string): Promise<readonly WorkflowRef[]> {
  const rows = await db
    .selectFrom('countersign.data_subjects')
    .select(['namespace', 'workflow_id'])
    .distinct()
    .where('subject_hash', '=', subjectHash)
    .orderBy('workflow_id')
    .execute()
  return rows.map(({ namespace, workflow_id: workflowId }) => ({ namespace, workflowId }))
}

/** The runs of these workflows that nobody erased yet. */
export async function unerasedIn(db: Db, workflows: readonly WorkflowRef[]): Promise<readonly string[]> {
  if (workflows.length === 0) return []
  const ids = workflows.map(({ workflowId }) => workflowId)
  const rows = await db
    .selectFrom('countersign.runs')
    .select('run_key')
    .where('workflow_id', 'in', ids)
    .where('erased_at', 'is', null)
    .orderBy('run_key')
    .execute()
  return rows.map(({ run_key }) => run_key)
}

/** The erasure of somebody that is under way, or is begun with this. */
export async function beginErasure(
  db: Db,
  { subjectHash, reason, by }: Pick<Erasure, 'subjectHash' | 'reason' | 'by'>,
): Promise<Erasure> {
  await db
    .insertInto('countersign.erasures')
    .values({ subject_hash: subjectHash, reason, asked_by: by, refused: null, done_at: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const row = await db
    .selectFrom('countersign.erasures')
    .select(columns)
    .where('subject_hash', '=', subjectHash)
    .where('refused', 'is', null)
    .where('done_at', 'is', null)
    .executeTakeFirstOrThrow()
  return erasureOf(row)
}

/** Writes down that somebody was to be forgotten, and why nothing was erased. */
export async function noteRefusedErasure(
  db: Db,
  { subjectHash, reason, by }: Pick<Erasure, 'subjectHash' | 'reason' | 'by'>,
  refused: string,
): Promise<void> {
  await db
    .insertInto('countersign.erasures')
    .values({ subject_hash: subjectHash, reason, asked_by: by, refused, done_at: null })
    .execute()
}

/** Erasures that wait for runs to close, or were interrupted. */
export async function openErasures(db: Db): Promise<readonly Erasure[]> {
  const rows = await db
    .selectFrom('countersign.erasures')
    .select(columns)
    .where('refused', 'is', null)
    .where('done_at', 'is', null)
    .orderBy('id')
    .execute()
  return rows.map(erasureOf)
}

/** The erasure of somebody that was done last. */
export async function lastErasure(db: Db, subjectHash: string): Promise<Erasure | undefined> {
  const row = await db
    .selectFrom('countersign.erasures')
    .select(columns)
    .where('subject_hash', '=', subjectHash)
    .where('done_at', 'is not', null)
    .orderBy('id', 'desc')
    .executeTakeFirst()
  return row === undefined ? undefined : erasureOf(row)
}

/** The newest certificate of an erasure. */
export async function lastCertificate(db: Db, erasureId: string): Promise<Certificate | undefined> {
  const row = await db
    .selectFrom('countersign.certificates')
    .select('certificate')
    .where('erasure_id', '=', erasureId)
    .orderBy('id', 'desc')
    .executeTakeFirst()
  return row?.certificate as Certificate | undefined
}

/** The certificates of retention, the newest first; at most a hundred. */
export async function retentionCertificates(db: Db): Promise<readonly Certificate[]> {
  const rows = await db
    .selectFrom('countersign.certificates')
    .select('certificate')
    .where('erasure_id', 'is', null)
    .orderBy('id', 'desc')
    .limit(100)
    .execute()
  return rows.map(({ certificate }) => certificate as Certificate)
}

/** What was erased, by this erasure or (`null`) by retention; with `uncertified` only what no certificate names yet. Locked until the transaction ends. */
export async function erasedRuns(
  tx: Db,
  erasureId: string | null,
  which: 'all' | 'uncertified',
): Promise<{ readonly ids: readonly string[]; readonly runs: readonly ErasedRun[] }> {
  const rows = await tx
    .selectFrom('countersign.erased_runs')
    .select(['id', 'run_key', 'namespace', 'did', 'erased_at'])
    .$if(erasureId === null, (query) => query.where('erasure_id', 'is', null))
    .$if(erasureId !== null, (query) => query.where('erasure_id', '=', erasureId))
    .$if(which === 'uncertified', (query) => query.where('certificate_id', 'is', null))
    .orderBy('id')
    .forUpdate()
    .execute()
  const runs = rows.map(({ run_key: runKey, namespace, did, erased_at }): ErasedRun => {
    const { keys, blobs, rows: changed, encrypted } = did as Did
    const erasedAt = erased_at.toISOString()
    return { runKey, namespace, erasedAt, keys: [...keys], blobs: [...blobs], rows: { ...changed }, encrypted }
  })
  return { ids: rows.map(({ id }) => id), runs }
}

/** Stores a certificate with what it names; of an erasure that is over with that, too. */
export async function storeCertificate(
  tx: Db,
  certificate: Certificate,
  {
    erasureId,
    ids,
    isOver,
  }: { readonly erasureId: string | null; readonly ids: readonly string[]; readonly isOver: boolean },
): Promise<void> {
  const { id } = await tx
    .insertInto('countersign.certificates')
    .values({ erasure_id: erasureId, certificate: JSON.stringify(certificate) })
    .returning('id')
    .executeTakeFirstOrThrow()
  if (ids.length > 0) {
    await tx.updateTable('countersign.erased_runs').set({ certificate_id: id }).where('id', 'in', ids).execute()
  }
  if (!isOver || erasureId === null) return
  await tx
    .updateTable('countersign.erasures')
    .set({ done_at: sql<Date>`clock_timestamp()` })
    .where('id', '=', erasureId)
    .execute()
}
