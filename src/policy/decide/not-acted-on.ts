import type { Policy } from '../types.ts'

/** What a policy asks for and nothing does yet, as people read it: `audit.retention_days 365`. */
export const notActedOn = ({ approvals, audit }: Policy): readonly string[] => [
  ...(approvals.remindersMinutes === undefined ? [] : [`approvals.reminders ${approvals.remindersMinutes.join(', ')}`]),
  ...(audit.retentionDays === undefined ? [] : [`audit.retention_days ${audit.retentionDays}`]),
  ...(audit.redaction === undefined ? [] : [`audit.redaction ${audit.redaction.join(', ')}`]),
]
