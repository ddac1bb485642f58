/** What is asked for when histories are to be recorded. */
export interface Recording {
  /** Of the kernel: the folder that they go to. */
  readonly version: string
  /** Whether there are histories of that version already. */
  readonly exists: boolean
  /** The text of CHANGELOG.md. */
  readonly changelog: string
}

/**
 * Why histories may not be recorded; `undefined`: they may. They show that open runs replay, so recording them again
 * hides that they do not. A new version has its own; before 1.0 a `[replay]` line of what is unreleased says that runs
 * break; from 1.0 on what was released stays for ever.
 */
export function whyNotRecord({ version, exists, changelog }: Recording): string | undefined {
  if (!exists) return undefined
  const sections = new Map(changelog.split(/^## /m).map((section) => [/^\[([^\]]+)\]/.exec(section)?.[1], section]))
  if (!version.startsWith('0.')) {
    if (!sections.has(version)) return undefined
    return `${version} is released: its histories are never recorded again. Make what breaks them another version.`
  }
  if (/^- \*\*\[replay\]\*\*/m.test(sections.get('Unreleased') ?? '')) return undefined
  return (
    `The histories of ${version} are kept: runs that are open must replay. If they cannot, say so in CHANGELOG.md, in a ` +
    'line under [Unreleased] that begins with `- **[replay]**`.'
  )
}
