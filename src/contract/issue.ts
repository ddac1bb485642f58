import { shortened } from './plain-text.ts'

interface Found {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]
}

/** All that a schema found, in words: `` `amount.cents`: must be more than nothing ``. */
export const allIssues = ({ issues }: Found): readonly string[] =>
  issues.map(({ path, message }) => {
    const where = path.map(String).join('.')
    // It may quote what was sent, whatever its size.
    return shortened(where === '' ? message : `\`${where}\`: ${message}`, 500)
  })

/** The first thing that a schema found. */
export const firstIssue = (error: Found): string => allIssues(error)[0] ?? 'invalid'
