import type { LedgerDatabase } from './database.ts'

/** That the data of a run is about somebody. */
export interface DataSubject {
  /** A keyed hash (`hiddenName`) of who it is. */
  readonly subjectHash: string
  readonly namespace: string
  readonly workflowId: string
  readonly runKey: string
}

/** Writes down whom the data of a run is about, each once. */
export async function addDataSubjects(db: LedgerDatabase, found: readonly DataSubject[]): Promise<void> {
  if (found.length === 0) return
  const rows = found.map(({ subjectHash, namespace, workflowId, runKey }) => ({
    subject_hash: subjectHash,
    namespace,
    workflow_id: workflowId,
    run_key: runKey,
  }))
  await db
    .insertInto('countersign.data_subjects')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}
