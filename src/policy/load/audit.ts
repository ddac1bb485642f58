import type { Policy } from '../types.ts'
import { readName, readOneOf, readWholeNumber } from './found.ts'
import { readNames, readSection } from './section.ts'

/** Ten years. */
export const MOST_RETENTION_DAYS = 3650
export const MOST_REDACTIONS = 100

export const AUDIT: Policy['audit'] = { logLevel: 'evidence', export: null }
export const AUDIT_KEYS = ['log_level', 'export', 'retention_days', 'redaction'] as const
export const LOG_LEVELS = ['evidence', 'standard'] as const

export const readAudit = readSection(AUDIT_KEYS, (section): Policy['audit'] => {
  const retentionDays = section.read('retention_days', readWholeNumber(1, MOST_RETENTION_DAYS), undefined)
  const redaction = section.read('redaction', readNames(MOST_REDACTIONS), undefined)
  return {
    logLevel: section.read('log_level', readOneOf(LOG_LEVELS), AUDIT.logLevel),
    export: section.read('export', readName, AUDIT.export),
    ...(retentionDays === undefined ? {} : { retentionDays }),
    ...(redaction === undefined ? {} : { redaction }),
  }
})
