import { z } from 'zod'
import { fail, type Failure, failureOf } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import { normaliseText } from '../contract/plain-text.ts'
import { personName } from '../contract/principal.ts'
import { type About, aboutSchema, type Identity, type Statement } from '../contract/statement.ts'
import type { HostKey } from '../identity/host-key.ts'
import { type IdentityMapping, mapToken } from '../identity/mapping.ts'
import { signStatement, verifyStatement } from '../identity/statements.ts'
import { type Attempt, logAttempt } from '../ledger/attempts.ts'
import { databaseFailure, type LedgerDatabase } from '../ledger/database.ts'
import { findIssuerKey } from '../ledger/issuer-keys.ts'
import { type Seen, seePerson, storeDelegation } from '../ledger/people.ts'
import { bearerOf } from './bearer.ts'
import type { PayloadParts } from './codec.ts'
import type { Residency } from '../privacy/residency.ts'
import type { IssuerKeySets } from './issuers.ts'
import { holdsToken, withoutTokens } from './problem.ts'
import { verifyToken } from './token.ts'

/** What the gateway works with. */
export interface GatewayParts {
  readonly db: LedgerDatabase
  /** Its own key; the ledger has published it. */
  readonly key: HostKey
  readonly mapping: IdentityMapping
  readonly keys: IssuerKeySets
  /** Of the codec server; without, it is none. */
  readonly payloads?: PayloadParts
  /** Where workspaces are at home; absent: nowhere in particular. */
  readonly residency?: Residency | undefined
  /** Hears of what is nobody's refusal: a database that is away, a defect. No token is in it. */
  readonly onError: (error: unknown) => void
}

/** Somebody asks for a statement, by HTTP. */
export interface Asked {
  readonly source: string
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  /** `null`: it was too large, and not read. */
  readonly body: string | null
}

export type Answered =
  | { readonly ok: true; readonly statement: Statement }
  | { readonly ok: false; readonly failure: Failure }

const request = z.strictObject({ about: aboutSchema(), workspace: z.string().max(200).optional() })

const invalid = (what: string): Error => fail('about_invalid', `what is to be signed ${what}`)

function requestOf({ contentType, body }: Asked, token: string | undefined): z.output<typeof request> {
  if (body === null) throw fail('about_too_large', 'what is to be signed is too large')
  if (!/^application\/json(?:$|[ ;])/i.test(contentType ?? '')) throw invalid('is not sent as `application/json`')
  let found: unknown
  try {
    found = JSON.parse(body)
  } catch {
    throw invalid('is no JSON')
  }
  const parsed = request.safeParse(found)
  if (!parsed.success) throw invalid(`has another form: ${firstIssue(parsed.error)}`)
  // As it was parsed: an escape in the text of it hides nothing.
  if (holdsToken(JSON.stringify(parsed.data), token)) {
    throw invalid('holds an access token, which must not get into a history')
  }
  const { about, workspace } = parsed.data
  if (about.kind === 'start' && workspace !== undefined && workspace !== about.workspace) {
    throw invalid('starts a run in another workspace than the request names')
  }
  return parsed.data
}

/** For whom somebody acts, and to whom he delegates, is known by the one name that he has, or another name of his would let him approve. */
function checkBehalf(about: About, { people }: IdentityMapping): void {
  const [field, named] =
    about.kind === 'start' ? ['onBehalfOf', about.onBehalfOf] : about.kind === 'delegate' ? ['to', about.to] : []
  if (field === undefined || named === undefined) return
  const canonical = people.get(normaliseText(named))
  if (canonical !== undefined && canonical !== named) {
    throw invalid(`names an alias: write \`${field}\` as \`${canonical}\``)
  }
}

/** What a step came to, to be looked at later. */
type Settled<T> = { readonly value: T } | { readonly error: unknown }

function settled<T>(step: () => T): Settled<T> {
  try {
    return { value: step() }
  } catch (error) {
    return { error }
  }
}

function valueOf<T>(what: Settled<T>): T {
  if ('error' in what) throw what.error
  return what.value
}

/** What is known of an attempt, as far as it came. */
type Known = { -readonly [Key in 'who' | 'about']: Attempt[Key] }

/**
 * Verifies who asks, maps him, and signs what he says. Every attempt is in the ledger before this answers, with the reason where
 * it is refused, and without the token; one that cannot be logged is refused. Never throws.
 */
export async function ask(asked: Asked, parts: GatewayParts): Promise<Answered> {
  const token = settled(() => bearerOf(asked.authorization))
  const bearer = 'value' in token ? token.value : undefined
  const said = settled(() => requestOf(asked, bearer))
  const known: Known = { who: null, about: 'value' in said ? said.value.about : null }
  const refused = (error: unknown): Answered => ({ ok: false, failure: failureFor(error, bearer, parts) })
  const answered = await sign(token, said, known, parts).then(
    (statement): Answered => ({ ok: true, statement }),
    refused,
  )
  return await logAttempt(parts.db, { source: asked.source, ...known, ...outcomeOf(answered) }).then(
    () => answered,
    refused,
  )
}

/** Who asks comes first: a stranger is not told what is wrong with the rest. */
async function sign(
  token: Settled<string>,
  said: Settled<z.output<typeof request>>,
  known: Known,
  { db, key, mapping, keys, residency }: GatewayParts,
): Promise<Statement> {
  const { issuer, claims } = await verifyToken(valueOf(token), mapping, keys)
  known.who = { issuer: issuer.issuer, subject: null, workspace: null }
  const mapped = mapToken(mapping, issuer, claims)
  // What is no name cannot be written down, either; it is refused right below.
  known.who = { ...known.who, subject: personName().safeParse(mapped.subject).data ?? null }
  // What is known of him now counts against what he has been given before.
  const { subject, groups, workspaces } = mapped
  const tokenAt = new Date((claims.iat ?? 0) * 1000)
  const sight = { subject, issuer: issuer.issuer, groups, workspaces, tokenAt }
  const newer = known.who.subject === null ? undefined : await seePerson(db, sight)
  const { about, workspace } = valueOf(said)
  const claimed = mapped.identityIn(about.kind === 'start' ? about.workspace : workspace)
  known.who = { ...known.who, workspace: claimed.workspace }
  residency?.check(claimed.workspace)
  checkBehalf(about, mapping)
  const who = lessThan(newer, claimed)
  const statement = signStatement(key, { about, who })
  // As a host will: what none would take, because the key was revoked or has ended, is not handed out.
  const verified = await verifyStatement(statement, { keyOf: (keyId) => findIssuerKey(db, keyId) })
  if (about.kind === 'delegate') await storeDelegation(db, verified)
  return verified
}

/** Who somebody is by a token, less what a newer one of his does not say any more. */
function lessThan(newer: Seen | undefined, who: Identity): Identity {
  if (newer === undefined) return who
  if (!newer.workspaces.includes(who.workspace)) {
    throw fail('workspace_refused', `a newer token of ${who.subject} is not of the workspace \`${who.workspace}\``)
  }
  return { ...who, groups: who.groups.filter((group) => newer.groups.includes(group)) }
}

const outcomeOf = (answered: Answered): Pick<Attempt, 'refused' | 'signed'> =>
  answered.ok
    ? { refused: null, signed: { nonce: answered.statement.nonce, keyId: answered.statement.keyId } }
    : { refused: { code: answered.failure.code, reason: answered.failure.message }, signed: null }

/** The failure of an error, with no token in it; what is not ours is told to us and not to a stranger. */
function failureFor(thrown: unknown, token: string | undefined, { onError }: GatewayParts): Failure {
  const failure = failureOf(databaseFailure(thrown))
  if (failure === undefined || failure.code === 'database_unavailable') onError(thrown)
  if (failure === undefined) return { code: 'platform_failed', message: 'the gateway failed', details: {} }
  if (failure.code === 'database_unavailable') {
    return { ...failure, message: 'the ledger did not answer, and what is not logged is not signed' }
  }
  return { ...failure, message: withoutTokens(failure.message, token) }
}
