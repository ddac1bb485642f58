import { APICallError } from 'ai'
import { ApplicationFailure } from '@temporalio/common'
import { fail } from '../../contract/failures.ts'
import type { ModelRole } from './config.ts'
import type { Usage } from './cost.ts'

/** The longest wait that an endpoint may ask for; a longer `Retry-After` is cut to it. */
const MAX_RETRY_AFTER_MS = 300_000

/** Which call failed, and what it can have cost at most. */
export interface FailedCall {
  readonly role: ModelRole
  readonly model: string
  readonly worst: Usage
}

/**
 * How long the endpoint asks us to wait, in milliseconds: `retry-after-ms`, or `retry-after` in seconds or as a date.
 * `undefined` when it does not say, or names a time that is over.
 */
function retryAfterMs(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const exact = headers['retry-after-ms']
  const value = headers['retry-after']
  let wait = Number.NaN
  if (exact !== undefined && /^\d+(?:\.\d+)?$/.test(exact)) wait = Number(exact)
  else if (value !== undefined && /^\d+(?:\.\d+)?$/.test(value)) wait = Number(value) * 1000
  else if (value !== undefined) wait = Date.parse(value) - nowMs
  return wait > 0 ? Math.ceil(Math.min(wait, MAX_RETRY_AFTER_MS)) : undefined
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

function unavailable({ role, model, worst }: FailedCall, what: string, status?: number): ApplicationFailure {
  return fail('model_unavailable', `the endpoint of model \`${model}\` (role \`${role}\`) ${what}`, {
    role,
    model,
    ...(status === undefined ? {} : { status }),
    // An endpoint that said no does not charge; one that fell silent may have.
    mayHaveCostMicroUsd: status === undefined ? worst.microUsd : 0,
  })
}

/** An answer that cannot be used: it was paid for, so the details carry what it cost. */
export function outputInvalid({ role, model }: FailedCall, used: Usage, what: string): ApplicationFailure {
  return fail('model_output_invalid', `model \`${model}\` (role \`${role}\`) ${what}`, { role, model, ...used })
}

const errorName = (error: unknown) => (error instanceof Error ? error.name : typeof error)

/**
 * The typed failure of what a call threw. 408, 409, 429, 5xx, a lost connection and a timeout: `model_unavailable`,
 * tried again, after `Retry-After` where it was sent; any other status: `model_rejected`; an answer that is no chat
 * completion: `model_output_invalid` at the highest price it can have had, since it does not tell. Neither
 * messages nor causes repeat what the endpoint wrote: it may quote the prompt or the key.
 */
export function failureOfCall(error: unknown, call: FailedCall, timeoutMs: number): ApplicationFailure {
  const name = errorName(error)
  if (name === 'TimeoutError' || name === 'AbortError') {
    return unavailable(call, `did not answer within ${timeoutMs} ms`)
  }
  if (!APICallError.isInstance(error)) {
    if (name === 'AI_InvalidResponseDataError') return outputInvalid(call, call.worst, 'gave no answer')
    return fail('platform_failed', `the call of model \`${call.model}\` failed with \`${name}\``, {
      role: call.role,
      model: call.model,
      ...call.worst,
    })
  }
  const { statusCode: status, isRetryable, responseHeaders = {} } = error
  if (status === undefined || (status < 300 && isRetryable)) return unavailable(call, 'cannot be reached or hung up')
  if (status < 300) return outputInvalid(call, call.worst, 'answered with something that is no chat completion')
  if (status === 408 || status === 409 || status === 429 || status >= 500) {
    const failure = unavailable(call, `answered with status ${status}`, status)
    const wait = retryAfterMs(responseHeaders, Date.now())
    return wait === undefined ? failure : after(failure, wait)
  }
  return fail(
    'model_rejected',
    `the endpoint of model \`${call.model}\` (role \`${call.role}\`) answered with status ${status}`,
    { role: call.role, model: call.model, status },
  )
}
