const NUMBER = /^\d+(?:\.\d+)?$/

/**
 * How long an endpoint asks us to wait, in milliseconds: `retry-after-ms`, or `retry-after` in seconds or as a date.
 * `undefined` when it does not say, or names a time that is over. What is longer than `mostMs` is cut to it.
 */
export function retryAfterMs(
  headers: Headers,
  clock: Pick<DateConstructor, 'now' | 'parse'>,
  mostMs: number,
): number | undefined {
  const exact = headers.get('retry-after-ms')
  const value = headers.get('retry-after')
  let wait = Number.NaN
  if (exact !== null && NUMBER.test(exact)) wait = Number(exact)
  else if (value !== null && NUMBER.test(value)) wait = Number(value) * 1000
  else if (value !== null) wait = clock.parse(value) - clock.now()
  return wait > 0 ? Math.ceil(Math.min(wait, mostMs)) : undefined
}
