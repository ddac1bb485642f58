import { UsageError } from './errors.ts'

/** A JSON object that somebody gave as `where`. Fails as a usage error on anything else, with what to do about it. */
export function jsonObject(
  text: string,
  where: string,
  help: { readonly json: string; readonly object: string },
): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`${where} is not JSON: ${reason}`, help.json)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new UsageError(`${where} is not a JSON object`, help.object)
}
