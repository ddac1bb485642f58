/** The longest wait that an endpoint may ask for; a longer `Retry-After` is cut to it. */
const MAX_WAIT_MS = 300_000

const NUMBER = /^\d+(?:\.\d+)?$/

/**
 * How long an endpoint asks us to wait, in milliseconds: `retry-after-ms`, or `retry-after` in seconds or as a date.
 * `undefined` when it does not say, or names a time that is over.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const exact = headers.get('retry-after-ms')
  const value = headers.get('retry-after')
  let wait = Number.NaN
  if (exact !== null && NUMBER.test(exact)) wait = Number(exact)
  else if (value !== null && NUMBER.test(value)) wait = Number(value) * 1000
  else if (value !== null) wait = Date.parse(value) - nowMs
  return wait > 0 ? Math.ceil(Math.min(wait, MAX_WAIT_MS)) : undefined
}
