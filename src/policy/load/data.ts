import type { Policy } from '../types.ts'
import { readWholeNumber } from './found.ts'
import { readSection } from './section.ts'

/** Ten years. */
export const MOST_RETAIN_DAYS = 3650
export const DATA_KEYS = ['retain_days'] as const

/** How long what a run holds of people may be kept once it has closed. */
export const readData = readSection(DATA_KEYS, (section): Policy['data'] => {
  const retainDays = section.require('retain_days', readWholeNumber(1, MOST_RETAIN_DAYS), undefined)
  return retainDays === undefined ? undefined : { retainDays }
})
