import { sql } from 'kysely'
import type { Digest } from '../contract/digest.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import type { Principal } from '../contract/principal.ts'
import { type Statement, statementDigestOf } from '../contract/statement.ts'
import type { LedgerDatabase } from './database.ts'
import { repeated, STANDING } from './effects.ts'
import { statementUsed, usedAt } from './statements.ts'

/** A run as `openRun` wrote it down. */
export interface RunRow {
  readonly runKey: RunKey
  readonly workflowId: string
  readonly workflowType: string
  readonly policyDigest: Digest
  /** Of the policy that decides beside it, without effect; `null`: none. */
  readonly candidateDigest: Digest | null
  readonly principal: Principal
  readonly requestDigest: Digest
  /** Names the business case, by a keyed hash where there are keys; `null`: the run is a case of its own. */
  readonly businessKey: string | null
  /** Of the worker that opened the run first. */
  readonly kernelVersion: string
  readonly buildId: string
  /** Who started it; `null`: it was opened before there were statements. */
  readonly statement: Statement | null
  /** Absent: it was not erased. */
  readonly erasedAt?: Date
}

/** A run that is just being opened. */
export type NewRun = RunRow & {
  readonly statement: Statement
  /** The digest that names the case in rows of before there were keys. */
  readonly bareBusinessKey?: string | null
  readonly namespace?: string
  /** Days from when it has closed, after which its data is deleted; absent: no end is set. */
  readonly retainDays?: number | undefined
}

/**
 * Writes a run down once, and answers with what stands: of two attempts that race, the first counts. Fails with
 * `request_repeated` when an effect of another run stands for the same business case, and with `statement_used` when another run was
 * started with the statement: it is used here, in the same command; with `workflow_id_held` when somebody else has the data key of its workflow id.
 */
export async function insertRun(db: LedgerDatabase, run: NewRun): Promise<RunRow> {
  const { businessKey, bareBusinessKey = businessKey, statement, namespace = null, retainDays = null } = run
  const { nonce, who } = statement
  const digest = statementDigestOf(statement)
  // As literals: PostgreSQL then sees that the partial index answers it.
  const standing = sql.join(STANDING.map((state) => sql.lit(state)))
  const { rows } = await sql`
    WITH used AS (
      INSERT INTO countersign.statements (nonce, digest, about, run_key, subject, issuer)
      VALUES (${nonce}, ${digest}, 'start', ${run.runKey}, ${who.subject}, ${who.issuer})
      ON CONFLICT DO NOTHING
      RETURNING nonce
    )
    INSERT INTO countersign.runs (run_key, workflow_id, workflow_type, policy_digest, principal, request_digest,
      business_key, kernel_version, build_id, candidate_digest, statement, namespace, retain_days)
    SELECT ${run.runKey}, ${run.workflowId}, ${run.workflowType}, ${run.policyDigest}, ${JSON.stringify(run.principal)}::jsonb,
      ${run.requestDigest}, ${businessKey}, ${run.kernelVersion}, ${run.buildId}, ${run.candidateDigest},
      ${JSON.stringify(statement)}::jsonb, ${namespace}, ${retainDays}::integer
    WHERE NOT EXISTS (SELECT FROM countersign.effects
      WHERE business_key IN (${businessKey}, ${bareBusinessKey}) AND state IN (${standing}))
      AND NOT EXISTS (${heldByOther(run)})
      AND (EXISTS (SELECT FROM used) OR EXISTS (SELECT FROM countersign.statements
        WHERE nonce = ${nonce} AND digest = ${digest} AND run_key = ${run.runKey}))
    ON CONFLICT DO NOTHING
    RETURNING run_key`.execute(db)
  if (rows.length > 0) return run
  const known = await findRun(db, run.runKey)
  if (known !== undefined) return known
  const held = await sql<{ held: boolean }>`SELECT EXISTS (${heldByOther(run)}) AS held`.execute(db)
  if (held.rows[0]?.held === true) {
    throw fail('workflow_id_held', `somebody else got the data key of the workflow id \`${run.workflowId}\``)
  }
  if ((await usedAt(db, statement, run.runKey).executeTakeFirst()) === undefined) throw statementUsed(nonce)
  throw (
    (await repeated(db, businessKey)) ??
    (await repeated(db, bareBusinessKey)) ??
    fail('effect_in_flight', `the case of \`${run.workflowId}\` is just being settled`)
  )
}

/**
 * The data keys of a workflow id that a gateway handed, before there was a run, to somebody who does not start it now: he could read all of it. Those of
 * no workspace were made for what somebody encoded, and nobody has them.
 */
const heldByOther = ({ workflowId, principal }: NewRun) => sql`
  SELECT FROM countersign.data_keys k JOIN countersign.key_holders h ON h.key_id = k.key_id
  WHERE k.workflow_id = ${workflowId} AND k.wrapped IS NOT NULL AND h.workspace IS NOT NULL
    AND (h.workspace, h.subject, h.issuer) IS DISTINCT FROM (${principal.workspace}, ${principal.subject}, ${principal.issuer})`

export async function findRun(db: LedgerDatabase, runKey: RunKey): Promise<RunRow | undefined> {
  const row = await db.selectFrom('countersign.runs').selectAll().where('run_key', '=', runKey).executeTakeFirst()
  if (row === undefined) return undefined
  return {
    runKey,
    workflowId: row.workflow_id,
    workflowType: row.workflow_type,
    policyDigest: row.policy_digest as Digest,
    candidateDigest: row.candidate_digest as Digest | null,
    principal: row.principal,
    requestDigest: row.request_digest as Digest,
    businessKey: row.business_key,
    kernelVersion: row.kernel_version,
    buildId: row.build_id,
    statement: row.statement,
    ...(row.erased_at === null ? {} : { erasedAt: row.erased_at }),
  }
}
