/** What canonical JSON can say. Everything that is digested, signed or put into a history is of this type. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** Half a character, as JSON writes it. */
const HALF = /(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/gi

/** A value as it can be digested: half a character becomes U+FFFD, and a number that JSON cannot say `null`. */
export const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value).replace(HALF, '$1\ufffd')) as T

/** Freezes a value and everything in it, and returns it: evidence must not change after it was read. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
