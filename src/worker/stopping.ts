import { digestOfText } from '../contract/digest.ts'
import { type Statement, type Use } from '../contract/statement.ts'
import type { StopTarget, StopWord } from '../contract/stop.ts'
import { verifyUse } from '../identity/statements.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { findIssuerKey } from '../ledger/issuer-keys.ts'
import { statementUsed, useStatement } from '../ledger/statements.ts'
import { liftStop, placeStop, type Stop } from '../ledger/stops.ts'

/** Why, in words, and the statement of whoever says so. */
export interface Signed {
  readonly reason: string
  readonly statement: unknown
}

/** What a statement of a stop or a lift has to say. */
export const stopAbout = (kind: 'stop' | 'resume', { scope, name }: StopTarget, reason: string) =>
  ({ kind, scope, name, whyDigest: digestOfText(reason) }) as const

/**
 * Verifies and uses a statement about a stop. That of a development issuer counts where its key is published: stopping needs the
 * ledger's database, and the record says what it is worth.
 */
async function heard(
  db: LedgerDatabase,
  kind: 'stop' | 'resume',
  of: StopTarget,
  { reason, statement: given }: Signed,
): Promise<StopWord & { readonly statement: Statement }> {
  const workspace = (given as Partial<Statement> | undefined)?.who?.workspace ?? ''
  const use: Use = { about: stopAbout(kind, of, reason), workspace }
  const statement = await verifyUse(given, use, { keyOf: (keyId) => findIssuerKey(db, keyId), development: true })
  if ((await useStatement(db, statement, null)) === 'again') throw statementUsed(statement.nonce)
  return { by: statement.who.subject, reason, statement }
}

/**
 * Stops something at once, on the word of whoever the statement is of: from now on hosts refuse what it covers. Fails with the codes of
 * `verifyUse` and with `statement_used`; throws `RangeError` on a target or a reason that is none.
 */
export async function stopNow(
  db: LedgerDatabase,
  of: StopTarget,
  signed: Signed,
): Promise<{ readonly stop: Stop; readonly isNew: boolean }> {
  return await placeStop(db, of, await heard(db, 'stop', of, signed))
}

/** Lifts the stop of something; `undefined` when none is in force. Fails as `stopNow` does. */
export async function liftNow(db: LedgerDatabase, of: StopTarget, signed: Signed): Promise<Stop | undefined> {
  return await liftStop(db, of, await heard(db, 'resume', of, signed))
}
