import type { Found, Reader } from './found.ts'
import type { Report } from './problem.ts'

/**
 * A key that the language is to have and that nothing enforces yet. A policy must not be weaker than it reads, so one that
 * gives such a key is refused; its value is read first, so that what is wrong with that is told, too.
 */
export interface Planned {
  readonly read: Reader<unknown>
  /** What holds instead, as a sentence goes on. */
  readonly holds: string
}

export const NOT_ENFORCED_HELP = 'take it out: a policy must not read stronger than it is.'

/** Reports a planned key; `keyOffset`: where it stands. */
export function refusePlanned({ read, holds }: Planned, found: Found, keyOffset: number, report: Report): void {
  report.at(keyOffset, `\`${found.name}\` is not enforced yet: ${holds}.`, NOT_ENFORCED_HELP)
  read(found, report)
}
