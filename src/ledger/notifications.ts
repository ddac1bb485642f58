import { workflowIdOf } from '../contract/evidence.ts'
import { type Selectable, sql } from 'kysely'
import { codeOf } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import type { Notice } from '../contract/notice.ts'
import { PLAIN, type Sealer } from '../privacy/sealed.ts'
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
  sealer: Sealer = PLAIN,
): Promise<void> {
  if (wanted.length === 0) return
  const sealed = JSON.stringify(sealer.seal(notice as unknown as Json))
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
        notice: sealed,
        due_at: dueAt,
        next_at: dueAt,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/**
 * Takes what is due on these channels, so many at most, for so long: no other worker takes it meanwhile, and one that dies leaves it to the
 * next. `open` decrypts what is sealed: what it cannot is left for later, and what was erased is dropped.
 */
export async function takeDue(
  db: LedgerDatabase,
  channels: readonly string[],
  { most, forMs }: { readonly most: number; readonly forMs: number },
  open: (notice: Json, workflowId: string) => Promise<Json> = async (notice) => PLAIN.open(notice),
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
  const opened = rows.map(async (row) => {
    try {
      const workflowId = workflowIdOf(row.run_key)
      return notificationOf(row, (await open(row.notice as unknown as Json, workflowId)) as unknown as Notice)
    } catch (error) {
      if (codeOf(error) === 'payload_erased') await settleNotification(db, { id: idOf(row) }, { state: 'dropped' })
      else if (codeOf(error) === undefined) throw error
      return undefined
    }
  })
  return (await Promise.all(opened)).filter((one) => one !== undefined)
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

const idOf = ({ id }: Selectable<NotificationTable>): string => `msg_${id}`

const notificationOf = (row: Selectable<NotificationTable>, notice: Notice): Notification => ({
  id: idOf(row),
  channel: row.channel,
  kind: row.kind,
  notice,
  dueAt: row.due_at,
  attempts: row.attempts,
})
