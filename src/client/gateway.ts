import pRetry, { AbortError } from 'p-retry'
import type { z } from 'zod'
import { fail, type FailureCode, isFailureCode } from '../contract/failures.ts'
import { firstIssue } from '../contract/issue.ts'
import { textOf } from '../contract/text.ts'

/** How to reach a gateway. */
export interface GatewayAccess {
  /** `https://gateway.acme.example` */
  readonly url: string
  /** Answers with an access token that is still valid; asked each time. */
  readonly token: () => Promise<string>
  /** How long the gateway may take to answer, in milliseconds; within it one that is away is asked again. Default: 10,000. */
  readonly answerWithinMs?: number
}

/** What a gateway is asked. */
interface Asks<T> {
  /** `/v1/statements` */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: object
  /** What a good answer holds, in a word and as a form. */
  readonly named: string
  readonly answer: z.ZodType<T>
  /** What it is where the gateway does not answer, or something else. */
  readonly away: FailureCode
}

/** How often a gateway is asked again that does not answer, or answers that it cannot now. */
const AGAIN = { retries: 3, minTimeout: 200, factor: 3, randomize: true } as const

/** Asks a gateway; one that is away for a moment is asked again. Fails with the gateway's own code, and with `away`. */
export async function askGateway<T>({ url, token, answerWithinMs = 10_000 }: GatewayAccess, asks: Asks<T>): Promise<T> {
  const bearer = await token()
  return await pRetry(() => asked({ url, answerWithinMs }, bearer, asks), { ...AGAIN, maxRetryTime: answerWithinMs })
}

/** Asks once; throws `AbortError` around what no second try would change. */
async function asked<T>(
  { url, answerWithinMs }: { readonly url: string; readonly answerWithinMs: number },
  bearer: string,
  { path, headers, body: asks, named, answer, away }: Asks<T>,
): Promise<T> {
  let response: Response
  let body: unknown
  try {
    response = await fetch(new URL(path, url), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${bearer}`, ...headers },
      body: JSON.stringify(asks),
      redirect: 'error',
      signal: AbortSignal.timeout(answerWithinMs),
    })
    body = await response.json()
  } catch (error) {
    // What a library says of a request could hold the token.
    throw fail(away, `the gateway at ${url} did not answer: ${textOf(error).replaceAll(bearer, '…')}`)
  }
  if (response.ok) {
    const found = answer.safeParse(body)
    if (found.success) return found.data
    const what = `the gateway at ${url} answered no ${named}: ${firstIssue(found.error)}`
    throw new AbortError(fail(away, what))
  }
  const { code, detail } = (body ?? {}) as { readonly code?: unknown; readonly detail?: unknown }
  const message = typeof detail === 'string' ? detail : `it answered ${response.status}`
  const refusal = fail(isFailureCode(code) ? code : away, `the gateway refused: ${message}`)
  throw response.status === 429 || response.status >= 500 ? refusal : new AbortError(refusal)
}
