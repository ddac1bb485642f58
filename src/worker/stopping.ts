import { digestOfText } from '../contract/digest.ts'
import { fail, failureOf } from '../contract/failures.ts'
import { EVERY } from '../contract/principal.ts'
import { shortened } from '../contract/plain-text.ts'
import type { Identity, Statement, Use } from '../contract/statement.ts'
import type { StopTarget, StopWord } from '../contract/stop.ts'
import { verifyUse } from '../identity/statements.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { findIssuerKey, hasGatewayKey } from '../ledger/issuer-keys.ts'
import { statementUsed, useStatement } from '../ledger/statements.ts'
import { liftStop, noteRefused, placeStop, type Stop, workspacesOf } from '../ledger/stops.ts'
import { Witness } from './witness.ts'

/** Why, in words, and the statement of whoever says so. */
export interface Signed {
  readonly reason: string
  readonly statement: unknown
}

type Kind = 'stop' | 'resume'

/** What a statement of a stop or a lift has to say. */
export const stopAbout = (kind: Kind, { scope, name }: StopTarget, reason: string) =>
  ({ kind, scope, name, whyDigest: digestOfText(reason) }) as const

/**
 * Stops something at once, on the word of whoever the statement is of: from now on hosts refuse what it covers. Fails with the codes of
 * `verifyUse`, with `statement_used`, `standing_lost` and `scope_missing`, which is written down (`refusedStops`); throws `RangeError` on a
 * target or a reason that is none.
 */
export async function stopNow(
  db: LedgerDatabase,
  of: StopTarget,
  signed: Signed,
): Promise<{ readonly stop: Stop; readonly isNew: boolean }> {
  return await placeStop(db, of, await counted(db, 'stop', of, signed))
}

/** Lifts the stop of something; `undefined` when none is in force. Fails as `stopNow` does, and with `decision_by_machine`. */
export async function liftNow(db: LedgerDatabase, of: StopTarget, signed: Signed): Promise<Stop | undefined> {
  return await liftStop(db, of, await counted(db, 'resume', of, signed))
}

/**
 * Stops something while nobody can prove who he is, as when the gateway is down: whoever reaches the database may. The record says
 * that the name is not proved. To let it go on takes a statement. Throws `RangeError` as `stopNow` does.
 */
export async function breakGlass(
  db: LedgerDatabase,
  of: StopTarget,
  { by, reason }: StopWord,
): Promise<{ readonly stop: Stop; readonly isNew: boolean }> {
  return await placeStop(db, of, { by: `${shortened(by, 150)} (break-glass: not proved)`, reason, statement: null })
}

/** Somebody's word, if it counts; what does not is written down. */
async function counted(
  db: LedgerDatabase,
  kind: Kind,
  of: StopTarget,
  signed: Signed,
): Promise<StopWord & { readonly statement: Statement }> {
  let by: string | null = null
  try {
    const statement = await heard(db, kind, of, signed)
    by = statement.who.subject
    await new Witness(db, undefined).checkCounts(statement)
    await checkMay(db, kind, of, statement.who)
    if ((await useStatement(db, statement, null)) === 'again') throw statementUsed(statement.nonce)
    return { by, reason: signed.reason, statement }
  } catch (error) {
    const failure = failureOf(error)
    if (failure !== undefined) {
      const { code, message } = failure
      await noteRefused(db, { kind, ...of, reason: signed.reason, by, code, message })
    }
    throw error
  }
}

/** Verifies a statement about a stop. What a development issuer says counts only in a ledger for which no gateway signs. */
async function heard(
  db: LedgerDatabase,
  kind: Kind,
  of: StopTarget,
  { reason, statement: given }: Signed,
): Promise<Statement> {
  const workspace = (given as Partial<Statement> | undefined)?.who?.workspace ?? ''
  const use: Use = { about: stopAbout(kind, of, reason), workspace }
  const development = !(await hasGatewayKey(db))
  return await verifyUse(given, use, { keyOf: (keyId) => findIssuerKey(db, keyId), development })
}

/**
 * `countersign:stop` and `countersign:resume` are for one's own workspace and its runs, `countersign:stop:all` and
 * `countersign:resume:all` for everything: tools and playbooks are of no workspace. Whoever may let something go on may stop it, too; an
 * agent lets nothing go on.
 */
async function checkMay(db: LedgerDatabase, kind: Kind, of: StopTarget, who: Identity): Promise<void> {
  const { subject, workspace, scopes, development } = who
  if (kind === 'resume' && who.kind === 'agent') {
    throw fail('decision_by_machine', `${subject} is an agent, and people let things go on`)
  }
  const which = (await isOf(db, of, workspace)) ? ['', ':all'] : [':all']
  const verbs = kind === 'stop' ? ['stop', 'resume'] : ['resume']
  const enough = verbs.flatMap((verb) => which.map((end) => `countersign:${verb}${end}`))
  if (enough.some((scope) => scopes.includes(scope)) || (development && scopes.includes(EVERY))) return
  throw fail('scope_missing', `${subject} was not granted \`${enough[0]}\` in \`${workspace}\``)
}

/** Whether a target is of one workspace. A run that nobody opened is of none. */
async function isOf(db: LedgerDatabase, { scope, name }: StopTarget, workspace: string): Promise<boolean> {
  if (scope === 'workspace') return name === workspace
  if (scope !== 'run') return false
  const found = await workspacesOf(db, name)
  return found.length > 0 && found.every((one) => one === workspace)
}
