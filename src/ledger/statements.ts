import type { Kysely, QueryCreator } from 'kysely'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { type Statement, statementDigestOf } from '../contract/statement.ts'
import type { LedgerTables } from './tables.ts'

/** Writes down that a statement is used; no row where its nonce was used before. */
export function firstUse(db: QueryCreator<LedgerTables>, statement: Statement, runKey: RunKey | null) {
  const { nonce, about, who } = statement
  return db
    .insertInto('countersign.statements')
    .values({
      nonce,
      digest: statementDigestOf(statement),
      about: about.kind,
      run_key: runKey,
      subject: who.subject,
      issuer: who.issuer,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('nonce')
}

/**
 * Uses a statement, once. `runKey` is the run that it is used for; `null`: a stop or a resume, which is of none. The very
 * same statement for the same run is `again`, since Temporal retries; whoever must not do something twice looks at that. Any
 * other statement with its nonce, or another run, fails with `statement_used`. Waits for a transaction that is using it.
 * The caller has verified it, and that it is about what it is used for.
 */
export async function useStatement(
  db: Kysely<LedgerTables>,
  statement: Statement,
  runKey: RunKey | null,
): Promise<'first' | 'again'> {
  const { nonce } = statement
  const digest = statementDigestOf(statement)
  if ((await firstUse(db, statement, runKey).executeTakeFirst()) !== undefined) return 'first'
  const used = await db
    .selectFrom('countersign.statements')
    .select(['digest', 'run_key'])
    .where('nonce', '=', nonce)
    .executeTakeFirst()
  if (used?.digest === digest && used.run_key === runKey) return 'again'
  throw statementUsed(nonce)
}

export const statementUsed = (nonce: string): Error =>
  fail('statement_used', `a statement with the nonce \`${nonce}\` was used already`)

/** Asks when a host heard this very statement for a run; no row: none has. */
export const usedAt = (db: Kysely<LedgerTables>, statement: Statement, runKey: RunKey) =>
  db
    .selectFrom('countersign.statements')
    .select('used_at')
    .where('nonce', '=', statement.nonce)
    .where('digest', '=', statementDigestOf(statement))
    .where('run_key', '=', runKey)
