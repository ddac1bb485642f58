import type { JsonObject } from '../../src/contract/json.ts'

/** A text in an object; empty where there is none of that name. */
export function textIn(object: JsonObject, name: string): string {
  const value = object[name]
  return typeof value === 'string' ? value : ''
}
