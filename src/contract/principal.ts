import { z } from 'zod'
import { normaliseText } from './plain-text.ts'

/**
 * Who acts, for whom, in which workspace. `proof` says how that is known; until statements are signed it is
 * always `unauthenticated`: the caller said so, and the record marks it.
 */
export interface Principal {
  readonly subject: string
  readonly kind: 'user' | 'service' | 'agent'
  readonly workspace: string
  readonly onBehalfOf?: string
  readonly proof: 'unauthenticated'
}

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

/** What a caller may say of himself: `{subject, workspace?, kind?, onBehalfOf?}`. Defaults: workspace `default`, kind `user`. */
export const principalClaim = () => claim

const claim = z.strictObject({
  subject: name,
  kind: z.enum(['user', 'service', 'agent']).default('user'),
  workspace: name.default('default'),
  onBehalfOf: name.optional(),
})
export type PrincipalClaim = z.input<typeof claim>

/** Whether somebody is the principal or the one it acts for: neither may approve what the principal asked. */
export const samePerson = (principal: Principal, by: string): boolean =>
  [principal.subject, principal.onBehalfOf].some((one) => one !== undefined && normaliseText(one) === normaliseText(by))
