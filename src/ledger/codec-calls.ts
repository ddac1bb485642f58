import type { Selectable } from 'kysely'
import type { FailureCode } from '../contract/failures.ts'
import { shortened } from '../contract/plain-text.ts'
import type { LedgerDatabase } from './database.ts'
import type { CodecCallTable, KeyUse } from './tables.ts'

/** Somebody asked the gateway to encode or decode payloads, or for a data key. No part of it holds a token, a key or what was decoded. */
export interface CodecCall {
  readonly kind: CodecCallTable['kind']
  /** The network address from which it came. */
  readonly source: string
  /** Of which page of a browser; `null`: of none. */
  readonly origin: string | null
  readonly namespace: string | null
  /** `null`: the call as a whole was not refused. */
  readonly refused: { readonly code: FailureCode; readonly reason: string } | null
  /** Of a token that was verified; `null`: none was. */
  readonly who: { readonly issuer: string; readonly subject: string | null } | null
  readonly payloads: number
  /** How many of them were encoded or decoded. */
  readonly passed: number
  readonly keys: readonly KeyUse[]
}

/** What a stranger wrote, as a column can hold it. */
const kept = (text: string, most: number): string => shortened(text.toWellFormed().replaceAll('\0', ' '), most)

/** Writes a call down; before the gateway answers, so that nothing is decoded that is not in the log. */
export async function logCodecCall(db: LedgerDatabase, call: CodecCall): Promise<void> {
  const { kind, source, origin, namespace, refused, who, payloads, passed, keys } = call
  await db
    .insertInto('countersign.codec_calls')
    .values({
      kind,
      source,
      origin: origin === null ? null : kept(origin, 300),
      namespace: namespace === null ? null : kept(namespace, 300),
      code: refused?.code ?? null,
      reason: refused === null ? null : kept(refused.reason, 1_000),
      issuer: who?.issuer ?? null,
      subject: who?.subject ?? null,
      payloads,
      passed,
      keys: JSON.stringify(keys.map((use) => ({ ...use, key: kept(use.key, 100) }))),
    })
    .execute()
}

/** The calls after one of them (`0`: all), in the order in which they were written. */
export async function codecCallsSince(
  db: LedgerDatabase,
  id: string,
): Promise<readonly (CodecCall & { readonly id: string; readonly at: string })[]> {
  const rows = await db.selectFrom('countersign.codec_calls').selectAll().where('id', '>', id).orderBy('id').execute()
  return rows.map(callOf)
}

const callOf = (row: Selectable<CodecCallTable>) => ({
  id: row.id,
  at: row.at.toISOString(),
  kind: row.kind,
  source: row.source,
  origin: row.origin,
  namespace: row.namespace,
  refused: row.code === null ? null : { code: row.code as FailureCode, reason: row.reason ?? '' },
  who: row.issuer === null ? null : { issuer: row.issuer, subject: row.subject },
  payloads: row.payloads,
  passed: row.passed,
  keys: row.keys,
})
