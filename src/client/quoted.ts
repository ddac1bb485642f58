import { fail } from '../contract/failures.ts'

/** A value of a visibility query. Visibility stores differ in what a backslash means, so none is let through. */
export function quoted(value: string): string {
  if (/[\\\p{Cc}]/u.test(value)) throw fail('request_invalid', `\`${value}\` cannot be searched for`)
  return `'${value.replaceAll("'", "''")}'`
}
