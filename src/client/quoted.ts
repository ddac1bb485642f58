import { fail } from '../contract/failures.ts'
import { visibilityText } from '../contract/visibility.ts'

/** A value of a visibility query; fails with `request_invalid` on what no query can hold. */
export function quoted(value: string): string {
  const text = visibilityText(value)
  if (text === undefined) throw fail('request_invalid', `\`${value}\` cannot be searched for`)
  return text
}
