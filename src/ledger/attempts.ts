import { type Selectable, sql } from 'kysely'
import type { RunKey } from '../contract/evidence.ts'
import type { FailureCode } from '../contract/failures.ts'
import { shortened } from '../contract/plain-text.ts'
import type { About } from '../contract/statement.ts'
import type { LedgerDatabase } from './database.ts'
import type { AttemptTable } from './tables.ts'

/** Somebody asked the gateway for a statement. No part of it holds a token. */
export interface Attempt {
  /** The network address from which it came. */
  readonly source: string
  /** `null`: the statement was signed. */
  readonly refused: { readonly code: FailureCode; readonly reason: string } | null
  /** Of a token that was verified; `null`: none was. */
  readonly who: { readonly issuer: string; readonly subject: string | null; readonly workspace: string | null } | null
  /** `null`: it was not in the form of one. */
  readonly about: About | null
  /** Of the statement that was signed. */
  readonly signed: { readonly nonce: string; readonly keyId: string } | null
}

/** Writes an attempt down; before the gateway answers, so that no statement is out that is not in the log. */
export async function logAttempt(db: LedgerDatabase, attempt: Attempt): Promise<void> {
  const { source, refused, who, about, signed } = attempt
  await db
    .insertInto('countersign.attempts')
    .values({
      source,
      code: refused?.code ?? null,
      reason: refused === null ? null : shortened(refused.reason, 1_000).replaceAll('\0', ' '),
      issuer: who?.issuer ?? null,
      subject: who?.subject ?? null,
      workspace: who?.workspace ?? null,
      about: about === null ? null : JSON.stringify(about),
      nonce: signed?.nonce ?? null,
      key_id: signed?.keyId ?? null,
    })
    .execute()
}

/** The attempts after one of them (`0`: all), in the order in which they were written. */
export async function attemptsSince(
  db: LedgerDatabase,
  id: string,
): Promise<readonly (Attempt & { readonly id: string; readonly at: string })[]> {
  const rows = await db.selectFrom('countersign.attempts').selectAll().where('id', '>', id).orderBy('id').execute()
  return rows.map(attemptOf)
}

/** The attempts that are about a run, or about starting its workflow id, in the order in which they were written. */
export async function attemptsAbout(
  db: LedgerDatabase,
  { runKey, workflowId }: { readonly runKey: RunKey; readonly workflowId: string },
): Promise<readonly (Attempt & { readonly id: string; readonly at: string })[]> {
  const rows = await db
    .selectFrom('countersign.attempts')
    .selectAll()
    .where((where) =>
      where.or([
        where(sql<string>`about->>'runKey'`, '=', runKey),
        where.and([
          where(sql<string>`about->>'kind'`, '=', 'start'),
          where(sql<string>`about->>'workflowId'`, '=', workflowId),
        ]),
      ]),
    )
    .orderBy('id')
    .execute()
  return rows.map(attemptOf)
}

const attemptOf = (row: Selectable<AttemptTable>) => ({
  id: row.id,
  at: row.at.toISOString(),
  source: row.source,
  refused: row.code === null ? null : { code: row.code as FailureCode, reason: row.reason ?? '' },
  who: row.issuer === null ? null : { issuer: row.issuer, subject: row.subject, workspace: row.workspace },
  about: row.about,
  signed: row.nonce === null || row.key_id === null ? null : { nonce: row.nonce, keyId: row.key_id },
})
