import type { Policy } from '../types.ts'
import { readOneOf, type Reader, readWholeNumber } from './found.ts'
import { NOT_ENFORCED_HELP, type Planned } from './not-enforced.ts'
import { readItems, readNames, readSection } from './section.ts'

export const MINUTES_A_YEAR = 525_600
const THREE_DAYS = 4320
const MOST_APPROVALS = 10
export const MOST_REMINDERS = 10

export const APPROVALS: Policy['approvals'] = { expiresMinutes: THREE_DAYS, onTimeout: 'escalate' }
export const APPROVALS_KEYS = ['expires_minutes', 'on_timeout', 'quorum', 'reminders'] as const
export const ON_TIMEOUT = ['escalate', 'refuse'] as const

/** How many people have to approve. More than one is not enforced yet, and so refused. */
export const readQuorum: Reader<number> = (found, report) => {
  const quorum = readWholeNumber(1, MOST_APPROVALS)(found, report)
  if (quorum === undefined || quorum === 1) return quorum
  const message = `\`${found.name}\` above 1 is not enforced yet: one approval is enough.`
  return report.at(found.offset, message, NOT_ENFORCED_HELP)
}

/** Minutes after the question, each later than the one before and all before the deadline. */
const readReminders =
  (expiresMinutes: number): Reader<readonly number[]> =>
  (found, report) => {
    const minutes: number[] = []
    for (const item of readItems(found, report, MOST_REMINDERS) ?? []) {
      const after = readWholeNumber(1, MINUTES_A_YEAR)(item, report)
      if (after === undefined) continue
      const before = minutes.at(-1) ?? 0
      if (after <= before || after >= expiresMinutes) {
        const range = `${before + 1} to ${expiresMinutes - 1}`
        const message = `\`${item.name}\` must be ${range} minutes after the question, got \`${after}\`.`
        report.at(item.offset, message, 'each comes after the one before it and before the deadline.')
        continue
      }
      minutes.push(after)
    }
    return minutes
  }

const MOST_GROUPS = 20

/** Who may approve: groups, by name. */
export const APPROVERS: Planned = {
  read: readNames(MOST_GROUPS),
  holds: 'whoever is not the requester can approve',
}

/** Who may undo: groups, by name. */
export const UNDOERS: Planned = {
  read: readNames(MOST_GROUPS),
  holds: 'whoever can send an undo can undo a completed run',
}

export const readApprovals = readSection(
  APPROVALS_KEYS,
  (section): Policy['approvals'] => {
    const minutes = readWholeNumber(1, MINUTES_A_YEAR)
    const expiresMinutes = section.read('expires_minutes', minutes, APPROVALS.expiresMinutes)
    const quorum = section.read('quorum', readQuorum, undefined)
    const remindersMinutes = section.read('reminders', readReminders(expiresMinutes), undefined)
    return {
      expiresMinutes,
      onTimeout: section.read('on_timeout', readOneOf(ON_TIMEOUT), APPROVALS.onTimeout),
      ...(quorum === undefined ? {} : { quorum }),
      ...(remindersMinutes === undefined ? {} : { remindersMinutes }),
    }
  },
  { who: APPROVERS },
)
