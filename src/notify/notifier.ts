import { setTimeout as delay } from 'node:timers/promises'
import type { Json } from '../contract/json.ts'
import type { Notice } from '../contract/notice.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { addNotifications, type Notification, settleNotification, takeDue } from '../ledger/notifications.ts'
import type { DataKeys } from '../privacy/data-keys.ts'
import { open, PLAIN, type Sealer, sealerOf } from '../privacy/sealed.ts'
import { channelsFor, type NotifyConfig } from './config.ts'
import type { NoticeKind } from './render.ts'
import { send } from './send.ts'

/** What became of a message, for metrics and logs. */
export type NotificationEnd = 'sent' | 'again' | 'failed' | 'dropped'

export interface NotifierParts {
  readonly db: LedgerDatabase
  /** What messages are kept encrypted with, and where their runs are; absent: they are kept in the clear. */
  readonly sealed?: { readonly keys: DataKeys; readonly namespace: string } | undefined
  readonly config: NotifyConfig
  /** Whether a question with this digest still waits in a run; throws where nobody can tell now. */
  readonly isWaiting: (notice: Notice) => Promise<boolean>
  /** Is told what became of each attempt: the channel's name, and why it failed, without a secret. */
  readonly told?: (channel: string, end: NotificationEnd, why: string | undefined) => void
  /** How often it looks for what is due, in milliseconds. Default: 1,000. */
  readonly lookEveryMs?: number
  /** Before the first retry, in milliseconds; doubled each time, an hour at most. Default: 2,000. */
  readonly firstPauseMs?: number
}

const AT_A_TIME = 10
/** Longer than any attempt takes: until then no other worker takes it. */
const TAKEN_MS = 60_000
const LONGEST_PAUSE_MS = 3_600_000
/** About two days of trying. */
const MOST_ATTEMPTS = 50
/** A first message that is so late is sent only if the question still waits. */
const LATE_MS = 60_000

/** Tells people of questions: what is written down is sent until it arrives, by whichever worker comes first. */
export class Notifier {
  readonly #parts: NotifierParts

  constructor(parts: NotifierParts) {
    this.#parts = parts
  }

  /** Writes down whom to tell of a question, now and, as reminders, so many minutes after it. */
  async ask(notice: Notice, remindersMinutes: readonly number[]): Promise<void> {
    const asked = Date.parse(notice.askedAt)
    const times = [
      { kind: 'asked', dueAt: new Date(asked) },
      ...remindersMinutes.map((minutes, at) => ({
        kind: `reminder-${at + 1}`,
        dueAt: new Date(asked + minutes * 60_000),
      })),
    ]
    const channels = channelsFor(this.#parts.config, notice)
    const wanted = channels.flatMap(({ name }) => times.map((time) => ({ channel: name, ...time })))
    await addNotifications(this.#parts.db, notice, wanted, await this.#sealer(notice))
  }

  /** Sends what is due, until it is told to stop: gives what stops it. */
  watch(): () => void {
    const ended = new AbortController()
    void this.#run(ended.signal)
    return () => ended.abort()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { lookEveryMs = 1_000 } = this.#parts
    while (!signal.aborted) {
      try {
        const sent = await this.sendDue()
        if (sent === AT_A_TIME) continue
      } catch {
        // The database is away: what is due stays due.
      }
      await delay(lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }

  /** Sends what is due now; answers how many it took. */
  async sendDue(): Promise<number> {
    const { db, config } = this.#parts
    const names = config.channels.map(({ name }) => name)
    const { sealed } = this.#parts
    const opened = sealed && ((notice: Json, workflowId: string) => open(sealed.keys, notice, { workflowId }))
    const due = await takeDue(db, names, { most: AT_A_TIME, forMs: TAKEN_MS }, opened)
    await Promise.all(due.map((one) => this.#deliver(one)))
    return due.length
  }

  async #deliver(one: Notification): Promise<void> {
    const { db, config, isWaiting, told, firstPauseMs = 2_000 } = this.#parts
    const { id, notice, attempts } = one
    const kind = one.kind as NoticeKind
    const channel = config.channels.find(({ name }) => name === one.channel)
    if (channel === undefined) return
    const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(attempts - 1, 20), LONGEST_PAUSE_MS)
    const again = async (why: string, afterMs = pauseMs): Promise<void> => {
      told?.(channel.name, attempts >= MOST_ATTEMPTS ? 'failed' : 'again', why)
      const state = attempts >= MOST_ATTEMPTS ? 'failed' : 'waiting'
      await settleNotification(db, one, { state, why: await this.#sealedText(notice, why), afterMs })
    }
    if (kind !== 'asked' || Date.now() - one.dueAt.getTime() > LATE_MS) {
      const waits = await isWaiting(notice).catch(() => undefined)
      if (waits === undefined) return await again('nobody could tell whether it still waits')
      if (!waits) {
        told?.(channel.name, 'dropped', undefined)
        return await settleNotification(db, one, { state: 'dropped' })
      }
    }
    const sent = await send(channel, { id, kind, notice }, config.link)
    if (sent.came === 'again') return await again(sent.why, sent.afterMs)
    told?.(channel.name, sent.came, sent.came === 'failed' ? sent.why : undefined)
    const why = sent.came === 'failed' ? { why: await this.#sealedText(notice, sent.why) } : {}
    await settleNotification(db, one, { state: sent.came, ...why })
  }

  async #sealer({ workflowId }: Notice): Promise<Sealer> {
    const { sealed } = this.#parts
    return sealed === undefined ? PLAIN : await sealerOf(sealed.keys, { namespace: sealed.namespace, workflowId })
  }

  async #sealedText(notice: Notice, text: string): Promise<string> {
    const sealed = (await this.#sealer(notice)).seal(text)
    return typeof sealed === 'string' ? sealed : JSON.stringify(sealed)
  }
}
