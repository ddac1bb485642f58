import type { Digest } from '../contract/digest.ts'
import type { RunKey } from '../contract/evidence.ts'
import type { Principal } from '../contract/principal.ts'
import type { LedgerDatabase } from './database.ts'

/** A run as `openRun` wrote it down. */
export interface RunRow {
  readonly runKey: RunKey
  readonly workflowId: string
  readonly workflowType: string
  readonly policyDigest: Digest
  readonly principal: Principal
  readonly requestDigest: Digest
  /** Of the worker that opened the run first. */
  readonly kernelVersion: string
  readonly buildId: string
}

/** Writes a run down once, and answers with what stands: of two attempts that race, the first counts. */
export async function insertRun(db: LedgerDatabase, run: RunRow): Promise<RunRow> {
  await db
    .insertInto('countersign.runs')
    .values({
      run_key: run.runKey,
      workflow_id: run.workflowId,
      workflow_type: run.workflowType,
      policy_digest: run.policyDigest,
      principal: JSON.stringify(run.principal),
      request_digest: run.requestDigest,
      kernel_version: run.kernelVersion,
      build_id: run.buildId,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return (await findRun(db, run.runKey)) ?? run
}

export async function findRun(db: LedgerDatabase, runKey: RunKey): Promise<RunRow | undefined> {
  const row = await db.selectFrom('countersign.runs').selectAll().where('run_key', '=', runKey).executeTakeFirst()
  if (row === undefined) return undefined
  return {
    runKey,
    workflowId: row.workflow_id,
    workflowType: row.workflow_type,
    policyDigest: row.policy_digest as Digest,
    principal: row.principal,
    requestDigest: row.request_digest as Digest,
    kernelVersion: row.kernel_version,
    buildId: row.build_id,
  }
}
