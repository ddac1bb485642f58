import { type Failure, type FailureCode, failureRule } from '../contract/failures.ts'

/** A refusal as the gateway answers it (RFC 9457), with the code of the failure. */
interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: FailureCode
}

/** The content type of a problem. */
const PROBLEM_TYPE = 'application/problem+json'

const STATUS: Partial<Record<FailureCode, number>> = {
  identity_unmapped: 403,
  workspace_refused: 403,
  workspace_elsewhere: 403,
  about_invalid: 400,
  about_too_large: 413,
  delegation_invalid: 403,
  codec_request_invalid: 400,
  codec_request_too_large: 413,
  origin_refused: 403,
  scope_missing: 403,
  standing_lost: 403,
  payload_key_unknown: 404,
  payload_moved: 403,
  payload_erased: 410,
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

const problemOf = ({ code, message }: Failure): Problem => ({
  type: `urn:countersign:failure:${code}`,
  title: failureRule(code).help,
  status: statusOf(code),
  detail: message,
  code,
})

/** A refusal as an answer, with more members where a client needs them. */
export function problemAnswer(failure: Failure, more: object = {}): Response {
  const problem = problemOf(failure)
  return new Response(`${JSON.stringify({ ...problem, ...more })}\n`, {
    status: problem.status,
    headers: {
      'Content-Type': PROBLEM_TYPE,
      ...(problem.status === 401 ? { 'WWW-Authenticate': challengeOf(problem.code) } : {}),
    },
  })
}

/** RFC 6750 §3: nothing is told of a token where none was sent. */
const challengeOf = (code: string): string => (code === 'token_missing' ? 'Bearer' : 'Bearer error="invalid_token"')

/** A JWT, wherever it stands: the header is a JSON object, and something comes after it. */
const JWT = /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*/g

/** Whether a text holds a token: what is signed goes into histories, and no token may. */
export const holdsToken = (text: string, token: string | undefined): boolean =>
  text.search(JWT) !== -1 || (token !== undefined && token.length >= 8 && text.includes(token))

/** A text without the tokens in it. */
export const withoutTokens = (text: string, token: string | undefined): string =>
  (token === undefined || token.length < 8 ? text : text.replaceAll(token, '<token>')).replace(JWT, '<token>')
