import type { Policy } from '../types.ts'

/**
 * What a policy asks for and nothing does yet, as people read it: `audit.retention_days 365`. Reminders are sent where a worker tells people
 * of questions at all.
 */
export const notActedOn = ({ approvals, audit }: Policy, notifies = false): readonly string[] => [
  ...(approvals.remindersMinutes === undefined || notifies
    ? []
    : [
        `approvals.reminders ${approvals.remindersMinutes.join(', ')} (nobody is notified: start workers with --notify)`,
      ]),
  ...(audit.retentionDays === undefined ? [] : [`audit.retention_days ${audit.retentionDays}`]),
]
