import { type Selectable, sql } from 'kysely'
import type { Notice } from '../contract/notice.ts'
import type { LedgerDatabase } from './database.ts'
import type { NotificationTable } from './tables.ts'

/** A message that is to be sent on a channel, at some time. */
export interface Notification {
  /** The same however often it is sent; `msg_` and a number. */
  readonly id: string
  readonly channel: string
  /** `asked`, `reminder-1` … */
  readonly kind: string
  readonly notice: Notice
  readonly dueAt: Date
  /** How often it was tried, this time included. */
  readonly attempts: number
}

/** Writes down what is to be sent, each once: the same question again adds nothing. */
export async function addNotifications(
  db: LedgerDatabase,
  notice: Notice,
  wanted: readonly { readonly channel: string; readonly kind: string; readonly dueAt: Date }[],
): Promise<void> {
  if (wanted.length === 0) return
  await db
    .insertInto('countersign.notifications')
    .values(
      wanted.map(({ channel, kind, dueAt }) => ({
        run_key: notice.runKey,
        step: notice.step,
        action_digest: notice.actionDigest,
        asked_at: new Date(notice.askedAt),
        channel,
        kind,
        notice: JSON.stringify(notice),
        due_at: dueAt,
        next_at: dueAt,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/**
 * Takes what is due on these channels, so many at most, for so long: no other worker takes it meanwhile, and one that dies leaves it to the
 * next.
 */
export async function takeDue(
  db: LedgerDatabase,
  channels: readonly string[],
  { most, forMs }: { readonly most: number; readonly forMs: number },
): Promise<readonly Notification[]> {
  if (channels.length === 0) return []
  const due = db
    .selectFrom('countersign.notifications')
    .select('id')
    .where('state', '=', 'waiting')
    .where('next_at', '<=', sql<Date>`now()`)
    .where('channel', 'in', [...channels])
    .orderBy('next_at')
    .limit(most)
    .forUpdate()
    .skipLocked()
  const rows = await db
    .updateTable('countersign.notifications')
    .set({ next_at: sql<Date>`now() + make_interval(secs => ${forMs / 1000})`, attempts: sql<number>`attempts + 1` })
    .where('id', 'in', due)
    .returningAll()
    .execute()
  return rows.map(notificationOf)
}

/** What became of one: sent, given up, no longer of interest, or to be tried again then. */
export async function settleNotification(
  db: LedgerDatabase,
  { id }: Pick<Notification, 'id'>,
  came: { readonly state: 'sent' | 'failed' | 'dropped' | 'waiting'; readonly why?: string; readonly afterMs?: number },
): Promise<void> {
  const { state, why = null, afterMs = 0 } = came
  await db
    .updateTable('countersign.notifications')
    .set({
      state,
      last_error: why,
      next_at: sql<Date>`now() + make_interval(secs => ${afterMs / 1000})`,
      ...(state === 'waiting' ? {} : { settled_at: sql<Date>`now()` }),
    })
    .where('id', '=', id.slice('msg_'.length))
    .execute()
}

const notificationOf = (row: Selectable<NotificationTable>): Notification => ({
  id: `msg_${row.id}`,
  channel: row.channel,
  kind: row.kind,
  notice: row.notice,
  dueAt: row.due_at,
  attempts: row.attempts,
})
