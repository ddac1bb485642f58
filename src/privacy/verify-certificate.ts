import { sql } from 'kysely'
import { publishedKeys } from '../audit/sweep.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { type Certificate, type ErasedRun, readCertificate } from './certificates.ts'
import { ERASED } from './codec.ts'

/** What looking at a certificate came to. */
export type Verified =
  | { readonly ok: true; readonly certificate: Certificate }
  /** `certificate`: absent where it is none of this ledger. */
  | { readonly ok: false; readonly problems: readonly string[]; readonly certificate?: Certificate }

/** Verifies the signature of a certificate, and that nothing that it lists can be read again in this database. */
export async function verifyCertificate(db: LedgerDatabase, json: unknown): Promise<Verified> {
  const read = await readCertificate(json, publishedKeys(db))
  if (!read.ok) return { ok: false, problems: [read.why] }
  const { certificate } = read
  const problems: string[] = []
  for (const run of certificate.runs) problems.push(...(await readableAgain(db, run)))
  return problems.length === 0 ? { ok: true, certificate } : { ok: false, problems, certificate }
}

/** What can be read of a run that was erased. */
async function readableAgain(db: LedgerDatabase, { runKey, keys, blobs }: ErasedRun): Promise<readonly string[]> {
  const mark = JSON.stringify(ERASED)
  const { rows: live } = await sql<{ key_id: string }>`
    SELECT key_id FROM countersign.data_keys WHERE key_id = ANY(${keys}) AND wrapped IS NOT NULL`.execute(db)
  const { rows: back } = await sql<{ digest: string }>`
    SELECT digest FROM countersign.blobs WHERE digest = ANY(${blobs})`.execute(db)
  // What is exported of a run once it was erased says that it was.
  const { rows: tables } = await sql<{ name: string; n: number }>`
    SELECT 'effects' AS name, count(*)::integer AS n FROM countersign.effects WHERE run_key = ${runKey}
      AND (input <> ${mark}::jsonb OR (result IS NOT NULL AND result <> ${mark}::jsonb) OR input_digest NOT LIKE 'hmac-%')
    UNION ALL SELECT 'notifications', count(*)::integer FROM countersign.notifications
      WHERE run_key = ${runKey} AND notice <> ${mark}::jsonb
    UNION ALL SELECT 'outbox', count(*)::integer FROM countersign.outbox
      JOIN countersign.runs USING (run_key) WHERE run_key = ${runKey} AND native IS NOT NULL AND added_at < erased_at
    UNION ALL SELECT 'audit_index', count(*)::integer FROM countersign.audit_index WHERE run_key = ${runKey}
      AND (erased_at IS NULL OR approvers <> '{}' OR amounts <> '[]'::jsonb)
    UNION ALL SELECT 'statements', count(*)::integer FROM countersign.statements
      WHERE run_key = ${runKey} AND digest NOT LIKE 'hmac-%'
    UNION ALL SELECT 'runs', count(*)::integer FROM countersign.runs
      WHERE run_key = ${runKey} AND (statement IS NOT NULL OR request_digest NOT LIKE 'hmac-%')`.execute(db)
  return [
    ...live.map(({ key_id }) => `the data key ${key_id} of the run \`${runKey}\` is there again`),
    ...back.map(({ digest }) => `the blob ${digest} of the run \`${runKey}\` is there again`),
    ...tables.flatMap(({ name, n }) =>
      n === 0 ? [] : [`${n} rows of countersign.${name} of the run \`${runKey}\` can be read again`],
    ),
  ]
}
