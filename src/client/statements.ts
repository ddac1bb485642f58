import { z } from 'zod'
import { fail } from '../contract/failures.ts'
import { EVERY } from '../contract/principal.ts'
import { type About, type Statement, statementSchema } from '../contract/statement.ts'
import { textOf } from '../contract/text.ts'
import type { DevelopmentIssuer } from '../identity/statements.ts'
import { askGateway, type GatewayAccess } from './gateway.ts'

/**
 * As whom something is said. `workspace` tells in which of one's workspaces. All else is for development, where nobody proves anything:
 * with a gateway the access token says it.
 */
export interface Speaker {
  readonly subject?: string | undefined
  readonly kind?: 'user' | 'service' | 'agent' | undefined
  readonly workspace?: string | undefined
  readonly groups?: readonly string[] | undefined
  readonly scopes?: readonly string[] | undefined
}

/** Gets what somebody says signed. */
export type StatementSource = (about: About, as: Speaker) => Promise<Statement>

const signed = z.object({ statement: statementSchema() })

/**
 * Has a gateway sign; one that is away for a moment is asked again. Fails with the gateway's own code, with `gateway_unavailable` when it
 * does not answer, and with `speaker_invalid` when somebody is named beside the token.
 */
export const gatewayStatements =
  (access: GatewayAccess): StatementSource =>
  async (about, { workspace, ...named }) => {
    const [claimed] = Object.entries(named).find(([, value]) => value !== undefined) ?? []
    if (claimed !== undefined) {
      throw fail('speaker_invalid', `with a gateway the access token says who you are: take \`${claimed}\` out`)
    }
    const body = { about, ...(workspace === undefined || about.kind === 'start' ? {} : { workspace }) }
    const asks = {
      path: '/v1/statements',
      body,
      named: 'statement',
      answer: signed,
      away: 'gateway_unavailable',
    } as const
    return (await askGateway(access, asks)).statement as Statement
  }

/**
 * For development: signs as whomever is named, in every group and with every scope unless some are. A worker takes it only where it was
 * started for development, and the record says what it is worth.
 */
export const developmentStatements =
  (issuer: Pick<DevelopmentIssuer, 'signDevelopment'>, usual: Speaker = {}): StatementSource =>
  async (about, as) => {
    const {
      subject,
      kind = 'user',
      workspace = 'default',
      groups = [EVERY],
      scopes = [EVERY],
    } = {
      ...usual,
      ...Object.fromEntries(Object.entries(as).filter(([, value]) => value !== undefined)),
    } as Speaker
    if (subject === undefined) throw fail('speaker_invalid', 'say who it is that says this')
    const trimmed = { subject: subject.trim(), workspace: workspace.trim() }
    try {
      return issuer.signDevelopment(about, {
        ...trimmed,
        kind,
        groups: [...groups].toSorted(),
        scopes: [...scopes].toSorted(),
      })
    } catch (error) {
      throw fail('speaker_invalid', textOf(error))
    }
  }
