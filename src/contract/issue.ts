import { shortened } from './plain-text.ts'

/** The first thing that a schema found, in words: `` `amount.cents`: must be more than nothing ``. */
export function firstIssue(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]
}): string {
  const [issue] = error.issues
  if (issue === undefined) return 'invalid'
  const where = issue.path.map(String).join('.')
  // It may quote what was sent, whatever its size.
  return shortened(where === '' ? issue.message : `\`${where}\`: ${issue.message}`, 500)
}
