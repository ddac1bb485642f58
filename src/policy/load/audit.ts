import { quoted } from '../decide/words.ts'
import type { Policy } from '../types.ts'
import { readName, readOneOf, type Reader, readWholeNumber } from './found.ts'
import { readItems, readSection } from './section.ts'

/** Ten years. */
export const MOST_RETENTION_DAYS = 3650
export const MOST_REDACTIONS = 100

export const AUDIT: Policy['audit'] = { logLevel: 'evidence', export: null }
export const AUDIT_KEYS = ['log_level', 'export', 'retention_days', 'redaction'] as const
export const LOG_LEVELS = ['evidence', 'standard'] as const

const readRedaction: Reader<readonly string[]> = (found, report) => {
  const fields: string[] = []
  for (const item of readItems(found, report, MOST_REDACTIONS) ?? []) {
    const field = readName(item, report)
    if (field === undefined) continue
    if (fields.includes(field)) {
      report.at(item.offset, `\`${found.name}\` lists ${quoted(field)} twice.`, 'keep one of the two.')
    }
    fields.push(field)
  }
  return fields
}

export const readAudit = readSection(AUDIT_KEYS, (section): Policy['audit'] => {
  const retentionDays = section.read('retention_days', readWholeNumber(1, MOST_RETENTION_DAYS), undefined)
  const redaction = section.read('redaction', readRedaction, undefined)
  return {
    logLevel: section.read('log_level', readOneOf(LOG_LEVELS), AUDIT.logLevel),
    export: section.read('export', readName, AUDIT.export),
    ...(retentionDays === undefined ? {} : { retentionDays }),
    ...(redaction === undefined ? {} : { redaction }),
  }
})
