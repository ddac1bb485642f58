import { z } from 'zod'
import { normaliseText } from './plain-text.ts'

/**
 * Who acts, for whom, in which workspace and with which scopes there, as the statement said with which the run was started.
 * `assurance`: how the provider says that it was proved. `development`: nobody proved anything.
 */
export interface Principal {
  readonly subject: string
  readonly issuer: string
  readonly kind: 'user' | 'service' | 'agent'
  readonly workspace: string
  readonly onBehalfOf?: string
  readonly scopes: readonly string[]
  readonly assurance: { readonly acr?: string; readonly amr?: readonly string[]; readonly authTime?: string }
  readonly development: boolean
}

/** In a statement of the development issuer: every scope, or every group. A gateway's statement has it as any other name. */
export const EVERY = '*'

/**
 * How people, services and workspaces are named: 1 to 200 characters, not all of them invisible, and nothing that
 * databases and canonical JSON cannot hold.
 */
export const personName = () => name

const name = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be well-formed text')
  .refine((text) => normaliseText(text) !== '', 'must be a name that people can see')

/** How the name of a person is compared: without regard to case, width and what cannot be seen. */
export const personOf = (written: string): string => normaliseText(written)

/** Whether two names are of one person. */
export const sameName = (one: string, other: string): boolean => personOf(one) === personOf(other)

/** Those who asked for what a principal asks for: neither may decide it. */
export const askersOf = ({ subject, onBehalfOf }: Pick<Principal, 'subject' | 'onBehalfOf'>): readonly string[] =>
  onBehalfOf === undefined ? [subject] : [subject, onBehalfOf]

/** The scopes of a tool that a principal was not granted in its workspace. */
export const missingScopes = (
  { scopes }: { readonly scopes: readonly string[] },
  principal: Pick<Principal, 'scopes' | 'development'>,
): readonly string[] =>
  principal.development && principal.scopes.includes(EVERY)
    ? []
    : scopes.filter((scope) => !principal.scopes.includes(scope))

/** What a command takes that says something to a run of this principal: a name in development; else the login says who it is. */
export const speakerFlag = (principal: Pick<Principal, 'development'> | null): string =>
  principal?.development === true ? ' --by <you>' : ''

/** How it is known who somebody is: `password, otp at https://login.acme.example`, or `development`. */
export function assuranceText({
  issuer,
  assurance: { acr, amr = [] },
  development,
}: Pick<Principal, 'issuer' | 'assurance' | 'development'>): string {
  if (development) return 'development: nobody proved it'
  const by = [...(acr === undefined ? [] : [`acr ${acr}`]), ...(amr.length === 0 ? [] : [`by ${amr.join(', ')}`])]
  return `${by.length === 0 ? 'logged in' : by.join(' ')} at ${issuer}`
}
