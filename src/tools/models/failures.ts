import { ApplicationFailure } from '@temporalio/common'
import type { Usage } from '../../contract/calls.ts'
import { fail, type FailureCode } from '../../contract/failures.ts'
import type { ModelConfig } from './config.ts'
import { NOTHING_USED } from './cost.ts'
import type { Exchange } from './wire.ts'

/** Why a call gave no answer, what it cost or may have cost, and how long the endpoint asks to be left alone. */
export interface Failed {
  readonly code: FailureCode
  /** To be read after the name of the endpoint. */
  readonly what: string
  readonly used: Usage
  readonly status?: number
  readonly waitMs?: number | undefined
}

/** Codes of errors in the body of a 2xx that say the same as a 5xx or 429. */
const PASSING: ReadonlySet<string | null> = new Set(['server_error', 'rate_limit_exceeded', 'overloaded_error'])

/** Statuses in which somebody gave up waiting: a model behind them may have answered, and charged. */
const GAVE_UP: ReadonlySet<number> = new Set([408, 504])

const isPassing = (status: number): boolean => status === 408 || status === 409 || status === 429 || status >= 500

/** What an operator has to look at. */
function hint(status: number, { apiKeyEnv }: ModelConfig): string {
  if (status < 400) return ': redirects are not followed; name in `endpoint` where it leads'
  if (status === 404) return ': check `endpoint` and `model`'
  if (status !== 401 && status !== 403) return ''
  return apiKeyEnv === null
    ? ': it wants a key; name its variable in `apiKeyEnv`'
    : `: check the key in \`${apiKeyEnv}\``
}

function refused(exchange: Extract<Exchange, { kind: 'refused' }>, config: ModelConfig, worst: Usage): Failed {
  const { status, reason, waitMs } = exchange
  const said = `answered with status ${status}${reason === null ? '' : ` (${reason})`}`
  // An endpoint that said no does not charge.
  const used = GAVE_UP.has(status) ? worst : NOTHING_USED
  return isPassing(status)
    ? { code: 'model_unavailable', what: said, used, status, waitMs }
    : { code: 'model_rejected', what: `${said}${hint(status, config)}`, used, status }
}

function silence(code: string | null, timedOutAfterMs: number | null): string {
  if (timedOutAfterMs !== null) return `did not answer within ${timedOutAfterMs} ms`
  return code === null ? 'hung up' : `hung up (${code})`
}

/**
 * What it means that a call threw, by how far its exchange came. 408, 409, 429, 5xx, no connection, a lost one and a
 * timeout: `model_unavailable`, tried again; any other status: `model_rejected`; an answer that is not of the
 * provider's form, or too large: `model_output_invalid`. Whoever fell silent may have charged the worst case. No word of
 * the endpoint is repeated but the code of its error: it may quote the prompt or the key.
 */
export function failedBy(
  exchange: Exchange,
  call: {
    readonly error: unknown
    readonly config: ModelConfig
    readonly worst: Usage
    /** In milliseconds, when the time that the call had is over; else `null`. */
    readonly timedOutAfterMs: number | null
  },
): Failed {
  const { error, config, worst, timedOutAfterMs } = call
  switch (exchange.kind) {
    case 'unsent': {
      const name = error instanceof Error ? error.name : typeof error
      return { code: 'platform_failed', what: `could not be asked: \`${name}\``, used: NOTHING_USED }
    }
    case 'unreached':
      return { code: 'model_unavailable', what: `cannot be reached (${exchange.code})`, used: NOTHING_USED }
    case 'silent':
      return { code: 'model_unavailable', what: silence(exchange.code, timedOutAfterMs), used: worst }
    case 'refused':
      return refused(exchange, config, worst)
    case 'too_large':
      return { code: 'model_output_invalid', what: 'answered with more than is read', used: worst }
    case 'answered': {
      const { reason } = exchange
      const what = `answered with ${reason === null ? `something that is not of the provider \`${config.provider}\`` : `the error ${reason}`}`
      return { code: PASSING.has(reason) ? 'model_unavailable' : 'model_output_invalid', what, used: worst }
    }
  }
}

/** The same failure, to be tried again after the given time rather than after the interval of the retry policy. */
const after = (failure: ApplicationFailure, delayMs: number) =>
  ApplicationFailure.create({
    ...(failure.type == null ? {} : { type: failure.type }),
    message: failure.message,
    nonRetryable: failure.nonRetryable ?? false,
    ...(failure.details == null ? {} : { details: failure.details }),
    nextRetryDelay: delayMs,
  })

/** The failure as it goes to Temporal, with what all calls of the attempt cost among the details. */
export function failureOfCall(
  { code, status, waitMs }: Omit<Failed, 'used' | 'what'>,
  message: string,
  details: Readonly<Record<string, unknown>>,
): ApplicationFailure {
  const failure = fail(code, message, status === undefined ? details : { ...details, status })
  return waitMs === undefined ? failure : after(failure, waitMs)
}
