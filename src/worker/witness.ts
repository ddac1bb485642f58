import { Context } from '@temporalio/activity'
import { type Standing } from '../contract/approving.ts'
import type { HearCall, Heard } from '../contract/calls.ts'
import type { RunKey } from '../contract/evidence.ts'
import { codeOf, fail, failureOf, failureRule } from '../contract/failures.ts'
import { EVERY } from '../contract/principal.ts'
import { type Identity, type Statement, statementSchema, type Use } from '../contract/statement.ts'
import { type DevelopmentIssuer, type Verifying, verifyUse } from '../identity/statements.ts'
import { databaseFailure, type LedgerDatabase } from '../ledger/database.ts'
import { findIssuerKey, type IssuerKey } from '../ledger/issuer-keys.ts'
import { type Delegated, isStillIn, isTaken, type Known, knownOf, useAndKnow } from '../ledger/people.ts'
import { usedAt } from '../ledger/statements.ts'
import type { RunRow } from '../ledger/runs.ts'
import type { Policy } from '../policy/types.ts'
import type { HeardOf } from './guard.ts'

/** How old what a host has read of a key may be: a revocation is in force within it. */
const KEY_AGE_MS = 500

/**
 * Who says what: verifies statements, uses each once, and knows for whom somebody speaks now. A host that was started for
 * development takes those of the development issuer, and no other host does.
 */
export class Witness {
  readonly #db: LedgerDatabase
  readonly #development: DevelopmentIssuer | undefined
  readonly #keys = new Map<string, { readonly key: Promise<IssuerKey | undefined>; readonly at: number }>()

  constructor(db: LedgerDatabase, development: DevelopmentIssuer | undefined) {
    this.#db = db
    this.#development = development
  }

  /** Verifies that a statement says this, as of then; fails with a code of `verifyUse`. */
  async verify(given: unknown, use: Use, at: Date): Promise<Statement> {
    return await verifyUse(given, use, this.verifying(at))
  }

  verifying(at: Date): Verifying {
    return { keyOf: (keyId) => this.#keyOf(keyId), at, development: this.#development !== undefined }
  }

  /**
   * Who said something to a run and for whom he speaks now, by a statement that a host has heard for it: verified as of then with what is
   * known of its key now. Fails with a code of `verifyUse`, with `approval_invalid` when no host has heard it, and with `standing_lost`.
   */
  async heard(given: unknown, use: Use, runKey: RunKey): Promise<HeardOf> {
    const unheard = fail('approval_invalid', 'no host has heard it for this run')
    const said = statementSchema().safeParse(given)
    if (!said.success) throw unheard
    const known = await knownOf(this.#db, said.data as Statement, runKey)
    if (known.usedAt === undefined) throw unheard
    const statement = await this.verify(given, use, known.usedAt)
    return { who: statement.who, standing: await this.#standing(statement, known) }
  }

  #keyOf(keyId: string): Promise<IssuerKey | undefined> {
    const known = this.#keys.get(keyId)
    if (known !== undefined && performance.now() - known.at < KEY_AGE_MS) return known.key
    // Key ids come from strangers: what is kept is bounded.
    if (this.#keys.size > 100) this.#keys.clear()
    const key = findIssuerKey(this.#db, keyId)
    this.#keys.set(keyId, { key, at: performance.now() })
    key.catch(() => this.#keys.delete(keyId))
    return key
  }

  /** Fails with `standing_lost` where what somebody says does not count at all any more. */
  async checkCounts(statement: Statement): Promise<void> {
    checkCounting(statement, await knownOf(this.#db, statement))
  }

  /**
   * For whom somebody speaks now: what his statement says, less what was seen or taken away since. Fails with
   * `standing_lost` where he does not count at all any more.
   */
  async #standing(statement: Statement, known: Omit<Known, 'usedAt'>): Promise<Standing> {
    const { subject, development } = statement.who
    checkCounting(statement, known)
    const { seen, offered, taken } = known
    const groups = statement.who.groups
      .filter((group) => development || group !== EVERY)
      .filter((group) => (seen === undefined || seen.groups.includes(group)) && !isTaken(taken, subject, group))
    const delegated = []
    for (const one of offered) {
      const { from, group } = one
      if (isTaken(taken, from, group) || !(await this.#isProved(one))) continue
      if (await isStillIn(this.#db, one)) delegated.push({ group, from })
    }
    return { groups, delegated }
  }

  /** Whether a delegation is what its statement says, and its key counts now: the table alone vouches for nobody. */
  async #isProved({ from, fromIssuer, to, group, workspace, until, madeAt, statement }: Delegated): Promise<boolean> {
    try {
      const use = { about: { kind: 'delegate', to, group, until }, workspace } as const
      const { who } = await this.verify(statement, use, new Date(madeAt))
      return who.subject === from && who.issuer === fromIssuer
    } catch (error) {
      const failure = failureOf(databaseFailure(error))
      if (failure === undefined || failureRule(failure.code).retryable) throw error
      return false
    }
  }

  /**
   * Hears what somebody says to a run. What does not count is an answer, with its reason: it stands on the record. A
   * database that does not answer is tried again.
   */
  async hear(call: HearCall, run: RunRow | undefined, policy: Policy | undefined): Promise<Heard> {
    let by: string | null = null
    try {
      const workspace = run?.principal.workspace ?? call.workspace
      if (workspace === null) throw fail('run_unknown', `no worker opened the run \`${call.runKey}\``)
      const statement =
        call.statement === null
          ? this.#signFor(call, workspace, policy)
          : await this.#verifySaid(call.statement, { about: call.about, workspace }, call.runKey)
      by = statement.who.subject
      // It is used up whatever comes of it.
      const standing = await this.#standing(statement, await useAndKnow(this.#db, statement, call.runKey))
      if (call.about.kind !== 'decide') checkOperator(statement.who, standing, policy)
      return { by, standing, statement }
    } catch (error) {
      const failure = failureOf(databaseFailure(error))
      if (failure === undefined || failureRule(failure.code).retryable) throw error
      return { refused: { code: failure.code, message: failure.message, by } }
    }
  }

  /**
   * What is said now. After a reset Temporal says again what was said before it: what a host heard for this very run then, counts as of
   * then.
   */
  async #verifySaid(given: unknown, use: Use, runKey: RunKey): Promise<Statement> {
    try {
      return await this.verify(given, use, saidAt())
    } catch (error) {
      if (codeOf(error) !== 'statement_expired') throw error
      const heard = await usedAt(this.#db, given as Statement, runKey).executeTakeFirst()
      if (heard === undefined) throw error
      return await this.verify(given, use, heard.used_at)
    }
  }

  /** For a policy of development: a name is enough, and the record says what it is worth. */
  #signFor({ by, about }: HearCall, workspace: string, policy: Policy | undefined): Statement {
    if (by === null || policy?.approvals.unsigned !== 'accept') {
      throw fail('statement_missing', 'it came without a statement of who says it')
    }
    if (this.#development === undefined) {
      throw fail(
        'statement_missing',
        'a name without a statement counts only where a worker was started for development',
      )
    }
    const who = { subject: by, kind: 'user', groups: [EVERY], scopes: [], workspace } as const
    return this.#development.signDevelopment(about, who)
  }
}

/** Fails with `standing_lost` where what somebody says does not count at all any more. */
function checkCounting(
  { who: { subject, workspace } }: Statement,
  { seen, taken }: Pick<Known, 'seen' | 'taken'>,
): void {
  if (isTaken(taken, subject, null)) throw fail('standing_lost', `what ${subject} says does not count any more`)
  if (seen !== undefined && !seen.workspaces.includes(workspace)) {
    throw fail('standing_lost', `${subject} is not in the workspace \`${workspace}\` any more`)
  }
}

/** When Temporal was told of it first, whatever attempt this is; by the clock of this host. */
export function saidAt(): Date {
  const { currentAttemptScheduledTimestampMs, scheduledTimestampMs } = Context.current().info
  return new Date(Date.now() - Math.max(currentAttemptScheduledTimestampMs - scheduledTimestampMs, 0))
}

/** Whether somebody may undo a run or settle its incidents; fails with `undo_not_allowed`. */
export function checkOperator(
  { subject, kind }: Pick<Identity, 'subject' | 'kind'>,
  { groups, delegated }: Standing,
  policy: Policy | undefined,
): void {
  if (kind === 'agent') throw fail('undo_not_allowed', `${subject} is an agent`)
  const who = policy?.rollback.who
  if (who === undefined || groups.some((group) => group === EVERY || who.includes(group))) return
  if (delegated.some(({ group }) => who.includes(group))) return
  throw fail('undo_not_allowed', `${subject} is in none of the groups that may do this: ${who.join(', ')}`)
}
