import { failureOf } from '../../contract/failures.ts'
import type { Json, JsonObject } from '../../contract/json.ts'
import { assuranceText } from '../../contract/principal.ts'
import { type About, type Statement, statementDigestOf, statementSchema } from '../../contract/statement.ts'
import { verifyUse } from '../../identity/statements.ts'
import type { Known } from './execution.ts'
import type { Proof } from './types.ts'

/** What a statement is worth for what it came with. */
export interface Vouched {
  /** `signed`: a gateway vouches for who says this very thing. */
  readonly proof: Extract<Proof, 'signed' | 'claimed'>
  /** The statement, as far as it is one. */
  readonly statement: Statement | undefined
  /** What the record repeats of it. */
  readonly says: JsonObject
}

/** What is wrong with a statement of the development issuer, whose signature is right. */
export const DEVELOPMENT_FLAW = 'it is signed for development: nobody proved it'

/** Where and when something was said. */
export interface Said {
  readonly about: About
  readonly workspace: string | null
  /** When it reached the run; `null`: after a reset, it is as of when it was signed. */
  readonly atMs: number | null
}

/**
 * Verifies a statement about something, as of when it was said. One of the development issuer proves nothing, and neither does
 * one without a published key.
 */
export async function vouched(given: Json | undefined, said: Said, known: Known): Promise<Vouched> {
  const parsed = statementSchema().safeParse(given)
  if (!parsed.success) {
    const flaw = given === undefined || given === null ? 'it came without a statement' : 'its statement is none'
    return { proof: 'claimed', statement: undefined, says: { statement: null, flaw } }
  }
  const statement = parsed.data as Statement
  const flaw = await flawOf(statement, said, known)
  const { keyId, issuedAt, expiresAt, nonce, who } = statement
  const says = {
    statement: { digest: statementDigestOf(statement), keyId, issuer: who.issuer, issuedAt, expiresAt, nonce },
    assurance: assuranceText(who),
    ...(flaw === undefined ? {} : { flaw }),
  }
  return { proof: flaw === undefined ? 'signed' : 'claimed', statement, says }
}

async function flawOf(
  statement: Statement,
  { about, workspace, atMs }: Said,
  known: Known,
): Promise<string | undefined> {
  const at = new Date(atMs ?? Date.parse(statement.issuedAt))
  const use = { about, workspace: workspace ?? statement.who.workspace }
  try {
    await verifyUse(statement, use, { keyOf: known.issuers, at, development: true })
    return statement.who.development ? DEVELOPMENT_FLAW : undefined
  } catch (error) {
    return failureOf(error)?.message ?? (error instanceof Error ? error.message : 'it cannot be verified')
  }
}
