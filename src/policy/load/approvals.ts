import type { Policy } from '../types.ts'
import { readOneOf, type Reader, readWholeNumber } from './found.ts'
import { readItems, readNames, readSection } from './section.ts'

export const MINUTES_A_YEAR = 525_600
const THREE_DAYS = 4320
export const MOST_APPROVALS = 10
export const MOST_REMINDERS = 10

export const APPROVALS: Policy['approvals'] = { expiresMinutes: THREE_DAYS, onTimeout: 'escalate' }
export const APPROVALS_KEYS = ['expires_minutes', 'on_timeout', 'quorum', 'reminders', 'unsigned', 'who'] as const
export const ON_TIMEOUT = ['escalate', 'refuse'] as const
export const UNSIGNED = ['refuse', 'accept'] as const

/** How many distinct people have to approve. */
export const readQuorum: Reader<number> = readWholeNumber(1, MOST_APPROVALS)

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

export const MOST_GROUPS = 20

/** The groups of those who may approve or undo, by the names that `identity.yaml` gives them. */
export const readGroups: Reader<readonly string[]> = readNames(MOST_GROUPS)

export const readApprovals = readSection(APPROVALS_KEYS, (section): Policy['approvals'] => {
  const minutes = readWholeNumber(1, MINUTES_A_YEAR)
  const expiresMinutes = section.read('expires_minutes', minutes, APPROVALS.expiresMinutes)
  const quorum = section.read('quorum', readQuorum, undefined)
  const who = section.read('who', readGroups, undefined)
  const unsigned = section.read('unsigned', readOneOf(UNSIGNED), undefined)
  const remindersMinutes = section.read('reminders', readReminders(expiresMinutes), undefined)
  return {
    expiresMinutes,
    onTimeout: section.read('on_timeout', readOneOf(ON_TIMEOUT), APPROVALS.onTimeout),
    ...(quorum === undefined ? {} : { quorum }),
    ...(who === undefined ? {} : { who }),
    ...(unsigned === undefined ? {} : { unsigned }),
    ...(remindersMinutes === undefined ? {} : { remindersMinutes }),
  }
})
