import { z } from 'zod'
import { canonicalJson, type Digest, digestOfText, isDigest } from './digest.ts'
import type { RunKey } from './evidence.ts'
import type { FailureCode } from './failures.ts'
import { shortened } from './plain-text.ts'
import { personName } from './principal.ts'
import { STOP_SCOPES, stopTarget } from './stop.ts'

/** The most groups, and the most scopes, that an identity may have. */
export const MAX_NAMES = 100
/** The largest statement: it stands in a start message or beside a decision. Characters of JSON. */
const MAX_STATEMENT_CHARACTERS = 20_000

/** Stands before what is signed, so that nothing else that a key ever signs can be taken for a statement. */
const DOMAIN = 'countersign-statement-v1\n'

/** A schema of texts that does not change them: what was signed is what is compared. */
const exactly = (schema: z.ZodType<string>, message: string) =>
  z.string().refine((text) => schema.safeParse(text).data === text, message)

const name = exactly(personName(), 'must be a name of at most 200 characters, without blanks around it')
const digest = z.custom<Digest>(isDigest, 'must be `sha256:` and 64 hex digits')
const text = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .refine((one) => one.isWellFormed() && !one.includes('\0'), 'must be well-formed text')
const runKey = z.custom<RunKey>(
  (value) =>
    typeof value === 'string' && value.length <= 1_100 && /^[^\0]+\/[^/\0]+$/u.test(value) && value.isWellFormed(),
  'must be a run key: workflow id, `/`, first execution run id',
)
const step = text(200).regex(/^\S+$/u, 'must be the id of a step')
const time = z.iso.datetime({ precision: 3 })

const names = z
  .array(name)
  .max(MAX_NAMES)
  .refine((list) => list.every((one, at) => at === 0 || (list[at - 1] ?? '') < one), 'must be sorted, each once')

/** Sorted, each once: the form in which groups and scopes stand in an identity. */
export const namesOf = (list: readonly string[]): readonly string[] => [...new Set(list)].toSorted()

const identity = z.strictObject({
  subject: name,
  issuer: text(500).regex(/^\S+$/u, 'must be the name of an issuer'),
  kind: z.enum(['user', 'service', 'agent']),
  groups: names,
  scopes: names,
  workspace: name,
  assurance: z.strictObject({
    acr: text(200).optional(),
    amr: names.optional(),
    authTime: time.optional(),
  }),
  development: z.boolean(),
})

/**
 * Who says something, as an issuer knows it: one canonical `subject` for all accounts of a person; the approver groups
 * of the configuration that it is in; what it may do in `workspace`, and in no other; how it proved who it is (`acr`,
 * `amr` and `authTime` of OpenID Connect, where the provider told). `development`: nobody proved anything.
 */
export interface Identity {
  readonly subject: string
  readonly issuer: string
  readonly kind: 'user' | 'service' | 'agent'
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
  readonly workspace: string
  readonly assurance: { readonly acr?: string; readonly amr?: readonly string[]; readonly authTime?: string }
  readonly development: boolean
}

/** An identity as it stands in a statement; nothing is mended in it. */
export const identitySchema = () => identity

/** What somebody may say of an action: yes, no, or that it is to be done otherwise. */
export const DECISIONS = ['approve', 'reject', 'change'] as const
export type DecisionWord = (typeof DECISIONS)[number]

const stopped = { scope: z.enum(STOP_SCOPES), name: stopTarget().shape.name, whyDigest: digest }

const about = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('start'),
    workflowId: text(1_000),
    playbook: z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,199}$/, 'must be the wire name of a playbook'),
    requestDigest: digest,
    workspace: name,
    onBehalfOf: name.optional(),
  }),
  z.strictObject({
    kind: z.literal('decide'),
    runKey,
    step,
    actionDigest: digest,
    decision: z.enum(DECISIONS),
    commentDigest: digest,
    /** Of `change`: what is to be done instead, by `inputDigestOf`. */
    inputDigest: digest.optional(),
  }),
  z.strictObject({ kind: z.literal('delegate'), to: name, group: name, until: time }),
  z.strictObject({ kind: z.literal('undo'), runKey, whyDigest: digest }),
  z.strictObject({
    kind: z.literal('resolve'),
    runKey,
    step,
    resolution: z.enum(['retry', 'settled']),
    commentDigest: digest,
  }),
  z.strictObject({ kind: z.literal('stop'), ...stopped }),
  z.strictObject({ kind: z.literal('resume'), ...stopped }),
])

/** What a statement says, to the letter: it is worth nothing for anything else. Texts of people stand as their digest. */
export type About = Readonly<z.output<typeof about>>
export type AboutKind = About['kind']

/** What somebody wants to say, as it stands in a statement. */
export const aboutSchema = () => about

const unsigned = z.strictObject({
  v: z.literal(1),
  about,
  who: identity,
  issuedAt: time,
  expiresAt: time,
  /** 128 random bits or more, base64url. */
  nonce: z.string().regex(/^[A-Za-z0-9_-]{22,64}$/, 'must be base64url'),
  keyId: z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits'),
})

const statement = unsigned
  .extend({
    // Of 64 bytes, in the one form that they have in base64url.
    signature: z.string().regex(/^[A-Za-z0-9_-]{85}[AQgw]$/, 'must be 64 bytes in base64url'),
  })
  .refine(({ issuedAt, expiresAt }) => issuedAt < expiresAt, 'must expire after it was issued')
  .refine(
    ({ about: said }) => said.kind !== 'decide' || (said.decision === 'change') === (said.inputDigest !== undefined),
    'must say with `change`, and only with it, what is to be done instead',
  )
  .refine(
    ({ about: said, who }) => said.kind !== 'start' || said.workspace === who.workspace,
    'must start in the workspace of who says it',
  )
  .refine((whole) => JSON.stringify(whole).length <= MAX_STATEMENT_CHARACTERS, 'must not be so large')

/** What an issuer signs. Times are ISO 8601, UTC, with milliseconds. */
export interface UnsignedStatement {
  readonly v: 1
  readonly about: About
  readonly who: Identity
  readonly issuedAt: string
  readonly expiresAt: string
  readonly nonce: string
  readonly keyId: string
}

/** Somebody says something, and an issuer who knows him signed it: Ed25519 over `statementText`, base64url. */
export interface Statement extends UnsignedStatement {
  readonly signature: string
}

/** Reads a statement; strictly, since nobody has verified it yet. */
export const statementSchema = () => statement

/** The text that is signed: all but the signature, as canonical JSON, after a prefix that nothing else begins with. */
export const statementText = ({ v, about: said, who, issuedAt, expiresAt, nonce, keyId }: UnsignedStatement): string =>
  DOMAIN + canonicalJson({ v, about: said, who, issuedAt, expiresAt, nonce, keyId })

/** Names a statement, whoever signed it: what is used once. */
export const statementDigestOf = (said: UnsignedStatement): Digest => digestOfText(statementText(said))

/** What a statement is used for: what has to be said, in which workspace. */
export interface Use {
  readonly about: About
  readonly workspace: string
}

/** Why a statement is worth nothing for a use. */
export interface Misuse {
  readonly code: FailureCode
  readonly message: string
}

/** By which code a difference is refused; in this order, so that the first thing to mend is named. */
const OTHER = {
  workflowId: 'statement_other_run',
  runKey: 'statement_other_run',
  playbook: 'statement_other_playbook',
  workspace: 'statement_other_workspace',
  scope: 'statement_other_target',
  name: 'statement_other_target',
  step: 'statement_other_step',
  requestDigest: 'statement_other_request',
  actionDigest: 'statement_other_action',
  inputDigest: 'statement_other_action',
  decision: 'statement_other_decision',
  resolution: 'statement_other_decision',
  commentDigest: 'statement_other_words',
  whyDigest: 'statement_other_words',
  onBehalfOf: 'statement_other_principal',
  to: 'statement_other_principal',
  group: 'statement_other_principal',
  until: 'statement_other_principal',
} as const satisfies Readonly<Record<string, FailureCode>>

/**
 * Why a statement is not about what it is used for; `undefined`: it is. Says nothing of signature, key, time or an earlier
 * use. Codes: `statement_other_use` and the others of `OTHER`.
 */
export function misuseOf({ about: said, who }: Pick<Statement, 'about' | 'who'>, use: Use): Misuse | undefined {
  if (said.kind !== use.about.kind) {
    return { code: 'statement_other_use', message: `the statement is a \`${said.kind}\`, not a \`${use.about.kind}\`` }
  }
  const stated: Readonly<Record<string, string | undefined>> = said
  const wanted: Readonly<Record<string, string | undefined>> = use.about
  for (const [field, code] of Object.entries(OTHER)) {
    if (stated[field] !== wanted[field]) return { code, message: differs(field, stated[field], wanted[field]) }
  }
  if (who.workspace === use.workspace) return undefined
  return { code: 'statement_other_workspace', message: differs('workspace', who.workspace, use.workspace) }
}

const differs = (field: string, stated = 'nothing', wanted = 'nothing'): string =>
  `the statement says \`${field}\` \`${shortened(stated, 200)}\`, and it is used for \`${shortened(wanted, 200)}\``
