import { type Failure, type FailureCode, failureRule } from '../contract/failures.ts'

/** A refusal as the gateway answers it (RFC 9457), with the code of the failure. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: FailureCode
}

/** The content type of a problem. */
export const PROBLEM_TYPE = 'application/problem+json'

const STATUS: Partial<Record<FailureCode, number>> = {
  identity_unmapped: 403,
  workspace_refused: 403,
  workspace_elsewhere: 403,
  about_invalid: 400,
  about_too_large: 413,
  delegation_invalid: 403,
  // Of its own key: somebody has to give it another.
  statement_key_revoked: 503,
  statement_key_out_of_time: 503,
}

/** 401 for a token, 503 for what may pass, 500 for what is ours. */
function statusOf(code: FailureCode): number {
  const known = STATUS[code]
  if (known !== undefined) return known
  if (code.startsWith('token_')) return 401
  return failureRule(code).retryable ? 503 : 500
}

export const problemOf = ({ code, message }: Failure): Problem => ({
  type: `urn:countersign:failure:${code}`,
  title: failureRule(code).help,
  status: statusOf(code),
  detail: message,
  code,
})

/** A JWT, wherever it stands: the header is a JSON object, and something comes after it. */
const JWT = /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*/g

/** Whether a text holds a token: what is signed goes into histories, and no token may. */
export const holdsToken = (text: string, token: string | undefined): boolean =>
  text.search(JWT) !== -1 || (token !== undefined && token.length >= 8 && text.includes(token))

/** A text without the tokens in it. */
export const withoutTokens = (text: string, token: string | undefined): string =>
  (token === undefined || token.length < 8 ? text : text.replaceAll(token, '<token>')).replace(JWT, '<token>')
