import { fail } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import { normaliseText, shortened } from '../contract/plain-text.ts'
import { type Identity, identitySchema, namesOf } from '../contract/statement.ts'

/** Signature algorithms that a mapping may list: asymmetric ones. Never `none`, and none with a shared secret. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** The `typ` of an access token: that of RFC 9068, the general one, or that it has none. */
export const TOKEN_TYPES = ['at+jwt', 'jwt', 'absent'] as const
export type TokenType = (typeof TOKEN_TYPES)[number]

/** The keys that lead to a claim, from the outside in. */
export type ClaimPath = readonly string[]

/** How `countersign login` logs in at an issuer. */
export interface LoginSettings {
  readonly clientId: string
  /** `openid offline_access` */
  readonly scope: string
  /** Of RFC 8707: for which service the token is to be; `null`: the provider knows. */
  readonly resource: string | null
}

/** An identity provider that is trusted, and how its claims become an identity. */
export interface IssuerMapping {
  readonly issuer: string
  readonly audience: readonly string[]
  readonly algorithms: readonly Algorithm[]
  /** `null`: as the provider's discovery document says. */
  readonly jwksUri: string | null
  readonly tokenTypes: readonly TokenType[]
  readonly clockToleranceSeconds: number
  readonly maxTokenAgeSeconds: number
  /** Stands before the subjects of this issuer, so that they are not those of another. */
  readonly subjectPrefix: string
  readonly claims: {
    readonly subject: ClaimPath
    /** What all accounts of one human have in common, such as an employee number; `null`: only `people` knows. */
    readonly person: ClaimPath | null
    readonly groups: ClaimPath | null
    readonly scopes: ClaimPath | null
    readonly workspaces: ClaimPath | null
    readonly kind: ClaimPath | null
  }
  /** The one workspace of this issuer; `null`: a claim says. */
  readonly workspace: string | null
  /** Approver groups by name, each with the values of the groups claim that are in it. */
  readonly groups: ReadonlyMap<string, readonly string[]>
  /** What each value of the claim of the kind means; `null` in `otherwise`: any other value is refused. */
  readonly kinds: ReadonlyMap<string, Identity['kind']>
  readonly otherwise: Identity['kind'] | null
  readonly login: LoginSettings | null
}

/** The providers that are trusted, and which subjects are one human. */
export interface IdentityMapping {
  readonly issuers: readonly IssuerMapping[]
  /** The canonical subject of each other one, by how that is compared (`normaliseText`). */
  readonly people: ReadonlyMap<string, string>
}

/** What a verified token says. */
export type Claims = Readonly<Record<string, unknown>>

const unmapped = (what: string): Error => fail('identity_unmapped', `the token cannot be mapped: ${what}`)

/** What stands at a path; only what a claim holds itself counts, and nothing that objects inherit. */
function claimAt(claims: Claims, path: ClaimPath): unknown {
  let found: unknown = claims
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined
    found = (found as Claims)[key]
  }
  return found ?? undefined
}

const nameOf = (path: ClaimPath): string => `\`${shortened(path.join('.'), 100)}\``

function textAt(claims: Claims, path: ClaimPath): string {
  const found = claimAt(claims, path)
  if (typeof found === 'string' && found.trim() !== '') return found.trim()
  throw unmapped(`it has no text in the claim ${nameOf(path)}`)
}

/** A list of texts, or the words of one text; none where the claim is missing. */
function listAt(claims: Claims, path: ClaimPath | null, words: 'words' | 'whole'): readonly string[] {
  const found = path === null ? undefined : claimAt(claims, path)
  if (path === null || found === undefined) return []
  if (typeof found === 'string') return words === 'words' ? found.split(/\s+/u).filter((word) => word !== '') : [found]
  if (Array.isArray(found) && found.every((each) => typeof each === 'string')) return found
  throw unmapped(`its claim ${nameOf(path)} is no list of texts`)
}

/** By RFC 9068 a token of a client that nobody authorised names the client as its subject. */
const isOfClient = ({ sub, client_id: clientId, azp }: Claims): boolean =>
  sub !== undefined && (sub === clientId || (clientId === undefined && sub === azp))

function kindOf({ claims: paths, kinds, otherwise }: IssuerMapping, claims: Claims): Identity['kind'] {
  if (paths.kind === null) return isOfClient(claims) ? 'service' : 'user'
  for (const value of listAt(claims, paths.kind, 'whole')) {
    const kind = kinds.get(value)
    if (kind !== undefined) return kind
  }
  if (otherwise !== null) return otherwise
  throw unmapped(`its claim ${nameOf(paths.kind)} is of no known kind`)
}

/**
 * The one name of whoever it is. Of a user by the claim that all accounts of one human share, where one is configured: it
 * must be there then, or leaving it out would make two people of one. An e-mail counts only when the provider verified it.
 */
function subjectOf(
  { claims: paths, subjectPrefix }: IssuerMapping,
  people: IdentityMapping['people'],
  claims: Claims,
  kind: Identity['kind'],
): string {
  const own = subjectPrefix + textAt(claims, paths.subject)
  if (kind !== 'user' || paths.person === null) return people.get(normaliseText(own)) ?? own
  if (paths.person.at(-1) === 'email') {
    const verified = claimAt(claims, [...paths.person.slice(0, -1), 'email_verified'])
    if (verified !== true) throw unmapped('its e-mail address is not verified')
  }
  const person = normaliseText(textAt(claims, paths.person))
  return people.get(person) ?? people.get(normaliseText(own)) ?? person
}

/** The workspaces of a token, each with the scopes that are of it alone. */
function workspacesOf(
  { claims: { workspaces: path }, workspace }: IssuerMapping,
  claims: Claims,
): ReadonlyMap<string, readonly string[]> {
  if (path === null) return new Map(workspace === null ? [] : [[workspace, []]])
  const found = claimAt(claims, path)
  if (typeof found !== 'object' || found === null || Array.isArray(found)) {
    return new Map(listAt(claims, path, 'whole').map((name) => [name, []]))
  }
  return new Map(Object.keys(found).map((name) => [name, listAt(claims, [...path, name], 'words')]))
}

/** Which of the workspaces of a token is meant; the only one, where none is named. Fails with `workspace_refused`. */
function chosen(workspaces: Iterable<string>, wanted: string | undefined): string {
  const all = [...workspaces]
  const [only, ...more] = all
  if (only === undefined) throw fail('workspace_refused', 'the token is of no workspace')
  if (wanted === undefined && more.length === 0) return only
  if (wanted === undefined) {
    throw fail('workspace_refused', `the token is of ${all.length} workspaces, and the request names none`)
  }
  if (all.includes(wanted)) return wanted
  throw fail('workspace_refused', `the token is not of the workspace \`${shortened(wanted, 200)}\``)
}

function assuranceOf({ acr, amr, auth_time: authTime }: Claims): Identity['assurance'] {
  if (acr !== undefined && typeof acr !== 'string') throw unmapped('its claim `acr` is no text')
  if (authTime !== undefined && !(typeof authTime === 'number' && authTime >= 0 && authTime < 1e11)) {
    throw unmapped('its claim `auth_time` is no time')
  }
  const methods = listAt({ amr }, ['amr'], 'whole')
  return {
    ...(acr === undefined || acr === '' ? {} : { acr }),
    ...(methods.length === 0 ? {} : { amr: namesOf(methods) }),
    ...(authTime === undefined ? {} : { authTime: new Date(Math.floor(authTime) * 1000).toISOString() }),
  }
}

/** What a verified token says of who it is of, whatever workspace is meant. */
export interface MappedToken {
  readonly subject: string
  readonly kind: Identity['kind']
  readonly workspaces: readonly string[]
  readonly groups: readonly string[]
  /** The identity in one of its workspaces; the only one where none is named. */
  readonly identityIn: (workspace?: string) => Identity
}

/**
 * Who a token of an issuer is of. The claims have been verified. Fails with `identity_unmapped` when one is missing or of
 * another form than the mapping says; `identityIn` also with `workspace_refused`.
 */
export function mapToken(mapping: IdentityMapping, issuer: IssuerMapping, claims: Claims): MappedToken {
  const kind = kindOf(issuer, claims)
  const subject = subjectOf(issuer, mapping.people, claims, kind)
  const workspaces = workspacesOf(issuer, claims)
  for (const name of workspaces.keys()) {
    if (!name.isWellFormed() || name.includes('\0')) throw unmapped('the name of one of its workspaces is no text')
  }
  const has = new Set(listAt(claims, issuer.claims.groups, 'whole'))
  const groups = [...issuer.groups].filter(([, values]) => values.some((value) => has.has(value))).map(([name]) => name)
  const everywhere = listAt(claims, issuer.claims.scopes, 'words')
  const assurance = assuranceOf(claims)
  return {
    subject,
    kind,
    workspaces: [...workspaces.keys()],
    groups: namesOf(groups),
    identityIn(wanted) {
      const workspace = chosen(workspaces.keys(), wanted)
      const found = identitySchema().safeParse({
        subject,
        issuer: issuer.issuer,
        kind,
        groups: namesOf(groups),
        scopes: namesOf([...everywhere, ...(workspaces.get(workspace) ?? [])]),
        workspace,
        assurance,
        development: false,
      })
      if (!found.success) throw unmapped(firstIssue(found.error))
      return found.data as Identity
    },
  }
}
