import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { fail, type FailureCode } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import {
  type About,
  type Identity,
  misuseOf,
  type Statement,
  statementSchema,
  statementText,
  type UnsignedStatement,
  type Use,
} from '../contract/statement.ts'
import type { IssuerKey } from '../ledger/issuer-keys.ts'
import { type HostKey, hostKeyFile, verifierOf } from './host-key.ts'

/** How far the clocks of issuer and verifier may differ. */
const CLOCK_SKEW_MS = 30_000
/** How long a statement is valid unless told otherwise: as long as it takes to send it. */
const STATEMENT_MS = 10 * 60_000
/** The longest that any statement is valid. */
const MAX_STATEMENT_MS = 60 * 60_000

/** When a statement is signed, and for how long. Defaults: now, ten minutes. */
export interface SignOptions {
  readonly at?: Date
  readonly validMs?: number
}

/** Signs what somebody says, under a nonce of its own. Throws `RangeError` for what no verifier would read, `TypeError` as `canonicalJson` does. */
export function signStatement(
  key: HostKey,
  { about, who }: Pick<Statement, 'about' | 'who'>,
  { at = new Date(), validMs = STATEMENT_MS }: SignOptions = {},
): Statement {
  const unsigned: UnsignedStatement = {
    v: 1,
    about,
    who,
    issuedAt: at.toISOString(),
    expiresAt: new Date(at.getTime() + validMs).toISOString(),
    nonce: randomBytes(24).toString('base64url'),
    keyId: key.keyId,
  }
  const statement = { ...unsigned, signature: key.sign(statementText(unsigned)) }
  const { error } = statementSchema().safeParse(statement)
  if (error !== undefined) throw new RangeError(`this cannot be stated: ${firstIssue(error)}`)
  return statement
}

/** By what a statement is verified. */
export interface Verifying {
  /** The key of an id; `undefined`: nobody published it. */
  readonly keyOf: (keyId: string) => Promise<IssuerKey | undefined>
  /** When it is or was used; default: now. A statement of the past is verified as of then. */
  readonly at?: Date
  /** Whether what the development issuer signed counts. Default: it does not. */
  readonly development?: boolean
}

const refuse = (code: FailureCode, what: string): Error => fail(code, `the statement ${what}`)

/**
 * Checks that an issuer of this installation signed this, with a key that counts for that time, and that it is valid.
 * Answers it in the form of this version. Fails with `statement_malformed`, `statement_key_unknown`,
 * `statement_signature_wrong`, `statement_development`, `statement_key_revoked`, `statement_key_out_of_time`,
 * `statement_not_yet_valid` or `statement_expired`. What it may be used for says `verifyUse`.
 */
export async function verifyStatement(given: unknown, verifying: Verifying): Promise<Statement> {
  const statement = parsed(given)
  const key = await verifying.keyOf(statement.keyId)
  if (key === undefined) throw refuse('statement_key_unknown', `is signed with an unknown key \`${statement.keyId}\``)
  if (!verifierOf(key.publicKey)(statementText(statement), statement.signature)) {
    throw refuse('statement_signature_wrong', 'has a wrong signature')
  }
  // A key of development must not vouch for anybody, and one of a gateway is not used for what nobody proved.
  if (key.development !== statement.who.development) {
    throw refuse('statement_development', 'is not of the kind of its key: one of them is for development')
  }
  if (key.development && verifying.development !== true) {
    throw refuse('statement_development', 'is of the development issuer, which nobody accepts here')
  }
  checkKey(key, Date.parse(statement.issuedAt))
  checkTime(statement, verifying.at ?? new Date())
  return statement
}

/** As `verifyStatement`, and checks that it is about this use: fails with the codes of `misuseOf` as well. */
export async function verifyUse(given: unknown, use: Use, verifying: Verifying): Promise<Statement> {
  const statement = await verifyStatement(given, verifying)
  const misuse = misuseOf(statement, use)
  if (misuse !== undefined) throw fail(misuse.code, misuse.message)
  return statement
}

function parsed(given: unknown): Statement {
  const found = statementSchema().safeParse(given)
  if (!found.success) throw refuse('statement_malformed', `is none: ${firstIssue(found.error)}`)
  const { issuedAt, expiresAt } = found.data
  if (Date.parse(expiresAt) - Date.parse(issuedAt) > MAX_STATEMENT_MS) {
    throw refuse('statement_malformed', `is valid for more than ${MAX_STATEMENT_MS / 60_000} minutes`)
  }
  // Optional fields are absent where they are not given, and never `undefined`.
  return found.data as Statement
}

function checkKey({ keyId, validFrom, validTo, revokedAt, compromisedAt }: IssuerKey, issuedMs: number): void {
  if (compromisedAt !== null) {
    throw refuse('statement_key_revoked', `is signed with the key \`${keyId}\`, which others may have`)
  }
  if (revokedAt !== null && issuedMs >= revokedAt.getTime()) {
    throw refuse('statement_key_revoked', `was signed after its key \`${keyId}\` was revoked`)
  }
  if (issuedMs < validFrom.getTime() - CLOCK_SKEW_MS) {
    throw refuse('statement_key_out_of_time', `is older than its key \`${keyId}\``)
  }
  if (validTo !== null && issuedMs > validTo.getTime() + CLOCK_SKEW_MS) {
    throw refuse('statement_key_out_of_time', `was signed after the time of its key \`${keyId}\` was over`)
  }
}

function checkTime({ issuedAt, expiresAt }: Statement, at: Date): void {
  if (Date.parse(issuedAt) > at.getTime() + CLOCK_SKEW_MS) {
    throw refuse('statement_not_yet_valid', `was issued at ${issuedAt}, and it is ${at.toISOString()}`)
  }
  if (Date.parse(expiresAt) <= at.getTime() - CLOCK_SKEW_MS) {
    throw refuse('statement_expired', `expired at ${expiresAt}, and it is ${at.toISOString()}`)
  }
}

/** The issuer of everything that is said without a provider: `who` says so himself. */
const DEVELOPMENT_ISSUER = 'development'

/** Signs for development, where nobody proves who he is. */
export interface DevelopmentIssuer {
  readonly key: HostKey
  /** What the ledger has to know, so that its statements are verified. */
  readonly published: Pick<IssuerKey, 'keyId' | 'publicKey' | 'issuer' | 'development'>
  /** Signs what anybody says, of whomever he says that he is; plainly marked as that. */
  readonly signDevelopment: (
    about: About,
    who: Omit<Identity, 'issuer' | 'assurance' | 'development'>,
    options?: SignOptions,
  ) => Statement
}

/** The development issuer of a state directory; its key is made where there is none, for its owner to read. */
export function developmentIssuer(stateDir: string): DevelopmentIssuer {
  const key = hostKeyFile(resolve(stateDir, 'issuer-key.pem'))
  return {
    key,
    published: { keyId: key.keyId, publicKey: key.publicKey, issuer: DEVELOPMENT_ISSUER, development: true },
    signDevelopment: (about, who, options) =>
      signStatement(
        key,
        { about, who: { ...who, issuer: DEVELOPMENT_ISSUER, assurance: {}, development: true } },
        options,
      ),
  }
}
