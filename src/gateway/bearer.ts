import { fail } from '../contract/failures.ts'
import { personName } from '../contract/principal.ts'
import { type IdentityMapping, mapToken } from '../identity/mapping.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { isWithdrawn, seePerson } from '../ledger/people.ts'
import type { IssuerKeySets } from './issuers.ts'
import { verifyToken } from './token.ts'

/** RFC 6750 §2.1: in the header, and nowhere else. */
export function bearerOf(authorization: string | undefined): string {
  if (authorization === undefined) throw fail('token_missing', 'the request has no access token')
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization.trim()) ?? []
  if (token === undefined) throw fail('token_missing', 'the `Authorization` of the request is no `Bearer` token')
  return token
}

/** Whose token it is, and what it lets him do. */
export interface Bearer {
  readonly subject: string
  readonly issuer: string
  /** Those of his newest token, too. */
  readonly workspaces: readonly string[]
  /** None where he is not of the workspace. */
  readonly scopesIn: (workspace: string) => readonly string[]
}

/** What is known of whoever asks, as far as it came: for the log. */
export interface KnownBearer {
  who: { readonly issuer: string; readonly subject: string | null } | null
}

/**
 * Verifies an access token and maps it. Fails as `verifyToken` and `mapToken` do, with `workspace_refused` where its bearer is of no workspace
 * any more, and with `standing_lost` where his word was withdrawn.
 */
export async function whoBears(
  token: string,
  known: KnownBearer,
  {
    db,
    mapping,
    keys,
  }: { readonly db: LedgerDatabase; readonly mapping: IdentityMapping; readonly keys: IssuerKeySets },
): Promise<Bearer> {
  const { issuer, claims } = await verifyToken(token, mapping, keys)
  known.who = { issuer: issuer.issuer, subject: null }
  const mapped = mapToken(mapping, issuer, claims)
  // What is no name cannot be written down, either.
  const named = personName().safeParse(mapped.subject)
  if (!named.success) throw fail('identity_unmapped', 'the token cannot be mapped: its subject is no name')
  known.who = { issuer: issuer.issuer, subject: named.data }
  const { subject, groups, identityIn } = mapped
  const tokenAt = new Date((claims.iat ?? 0) * 1000)
  const sight = { subject, issuer: issuer.issuer, groups, workspaces: mapped.workspaces, tokenAt }
  const newer = await seePerson(db, sight)
  if (await isWithdrawn(db, subject)) throw fail('standing_lost', `the word of ${subject} was withdrawn`)
  const workspaces = mapped.workspaces.filter((name) => newer === undefined || newer.workspaces.includes(name))
  if (workspaces.length === 0) throw fail('workspace_refused', `the token of ${subject} is of no workspace`)
  return {
    subject,
    issuer: issuer.issuer,
    workspaces,
    scopesIn: (workspace) => (workspaces.includes(workspace) ? identityIn(workspace).scopes : []),
  }
}
