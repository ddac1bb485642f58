import pRetry, { AbortError } from 'p-retry'
import { fail, isFailureCode } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import { EVERY } from '../contract/principal.ts'
import { type About, type Statement, statementSchema } from '../contract/statement.ts'
import { textOf } from '../contract/text.ts'
import type { DevelopmentIssuer } from '../identity/statements.ts'

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

/** How to reach a gateway. */
export interface GatewayAccess {
  /** `https://gateway.acme.example` */
  readonly url: string
  /** Answers with an access token that is still valid; asked each time. */
  readonly token: () => Promise<string>
  /** How long the gateway may take to answer, in milliseconds; within it one that is away is asked again. Default: 10,000. */
  readonly answerWithinMs?: number
}

/** How often a gateway is asked again that does not answer, or answers that it cannot now. */
const AGAIN = { retries: 3, minTimeout: 200, factor: 3, randomize: true } as const

/**
 * Has a gateway sign; one that is away for a moment is asked again. Fails with the gateway's own code, with `gateway_unavailable` when it
 * does not answer, and with `speaker_invalid` when somebody is named beside the token.
 */
export const gatewayStatements =
  ({ url, token, answerWithinMs = 10_000 }: GatewayAccess): StatementSource =>
  async (about, { workspace, ...named }) => {
    const [claimed] = Object.entries(named).find(([, value]) => value !== undefined) ?? []
    if (claimed !== undefined) {
      throw fail('speaker_invalid', `with a gateway the access token says who you are: take \`${claimed}\` out`)
    }
    const body = { about, ...(workspace === undefined || about.kind === 'start' ? {} : { workspace }) }
    const bearer = await token()
    return await pRetry(() => asked({ url, answerWithinMs }, bearer, body), { ...AGAIN, maxRetryTime: answerWithinMs })
  }

/** Asks once; throws `AbortError` around what no second try would change. */
async function asked(
  { url, answerWithinMs }: { readonly url: string; readonly answerWithinMs: number },
  bearer: string,
  asks: object,
): Promise<Statement> {
  let response: Response
  let body: unknown
  try {
    response = await fetch(new URL('/v1/statements', url), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${bearer}` },
      body: JSON.stringify(asks),
      redirect: 'error',
      signal: AbortSignal.timeout(answerWithinMs),
    })
    body = await response.json()
  } catch (error) {
    // What a library says of a request could hold the token.
    throw fail('gateway_unavailable', `the gateway at ${url} did not answer: ${textOf(error).replaceAll(bearer, '…')}`)
  }
  if (response.status === 201) {
    const found = statementSchema().safeParse((body as { statement?: unknown } | null)?.statement)
    if (found.success) return found.data as Statement
    const what = `the gateway at ${url} answered no statement: ${firstIssue(found.error)}`
    throw new AbortError(fail('gateway_unavailable', what))
  }
  const { code, detail } = (body ?? {}) as { readonly code?: unknown; readonly detail?: unknown }
  const message = typeof detail === 'string' ? detail : `it answered ${response.status}`
  const refusal = fail(isFailureCode(code) ? code : 'gateway_unavailable', `the gateway refused: ${message}`)
  throw response.status === 429 || response.status >= 500 ? refusal : new AbortError(refusal)
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
