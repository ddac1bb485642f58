import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { LedgerDatabase } from '../../ledger/database.ts'
import {
  advanceSink,
  emptyDelivered,
  type HeldSink,
  holdSink,
  keepSink,
  nextAgain,
  nextEvents,
  type OutboxEvent,
  postponeSink,
  refuseEvent,
  registerSink,
  releaseSinks,
  settleAgain,
} from '../../ledger/outbox.ts'
import { CloudEventsOutlet } from './cloudevents-outlet.ts'
import type { DataKeys } from '../../privacy/data-keys.ts'
import type { ExportsConfig, Sink } from './config.ts'
import type { Delivered, Outlet } from './delivery.ts'
import { opened, type Opened } from './opened.ts'
import { FileOutlet } from './file-outlet.ts'
import { SplunkOutlet } from './splunk-outlet.ts'

/** What became of events, for metrics and logs. */
export type ExportEnd = 'sent' | 'again' | 'refused'

export interface ExporterParts {
  readonly db: LedgerDatabase
  readonly config: ExportsConfig
  /** With which what is sealed is read. Default: it waits. */
  readonly keys?: DataKeys | undefined
  /** Is told what became of how many events: the sink's name, and why they did not arrive, without a secret. */
  readonly told?: (sink: string, end: ExportEnd, events: number, why: string | undefined) => void
  /** How often it looks for what is due, in milliseconds. Default: 1,000. */
  readonly lookEveryMs?: number
  /** Before the first retry, in milliseconds; doubled each time, five minutes at most. Default: 1,000. */
  readonly firstPauseMs?: number
  /** How long a sink is this sender's without a word of it, in milliseconds; longer than a request may take. Default: 60,000. */
  readonly leaseMs?: number
  /** Default: what each sink's kind calls for. */
  readonly outletOf?: (sink: Sink) => Outlet
}

const LEASE_MS = 60_000
const LONGEST_PAUSE_MS = 300_000
/** A sink that calls so many events in a row malformed is itself what is wrong: it gets one more only after a pause. */
const MOST_REFUSED_IN_ROW = 10
const EMPTY_EVERY_MS = 600_000
const EMPTIED_AT_ONCE = 1_000

/** `idle`: nothing was to be done here. `went`: there may be more. */
export type Step = 'idle' | 'went'

/**
 * Sends what is in the outbox to the sinks: one sender at a time each, in order, until it has arrived. Whoever dies between sending and
 * writing that down sends again, with the same ids.
 */
export class Exporter {
  readonly #parts: ExporterParts
  readonly #holder = randomUUID()
  readonly #senders: readonly SinkSender[]

  constructor(parts: ExporterParts) {
    this.#parts = parts
    this.#senders = parts.config.sinks.map((sink) => new SinkSender(sink, this.#holder, parts))
  }

  /** Sends what is due, until it is told to stop: gives what stops it. */
  watch(): () => void {
    const ended = new AbortController()
    const all = this.#senders.map((sender) => this.#run(() => sender.step(ended.signal), ended.signal))
    const emptying = this.#run(async () => await this.#empty(), ended.signal, EMPTY_EVERY_MS)
    void Promise.all([...all, emptying]).then(async () => {
      // Else they are somebody's only when the leases are over.
      await releaseSinks(this.#parts.db, this.#holder).catch(() => undefined)
    })
    return () => ended.abort()
  }

  /** Sends everything that is due now. */
  async sendDue(signal: AbortSignal = new AbortController().signal): Promise<void> {
    await Promise.all(
      this.#senders.map(async (sender) => {
        while ((await sender.step(signal)) === 'went');
      }),
    )
  }

  async #empty(): Promise<Step> {
    const emptied = await emptyDelivered(this.#parts.db, this.#parts.config.keepDays, EMPTIED_AT_ONCE)
    return emptied === EMPTIED_AT_ONCE ? 'went' : 'idle'
  }

  async #run(step: () => Promise<Step>, signal: AbortSignal, everyMs?: number): Promise<void> {
    const { lookEveryMs = 1_000 } = this.#parts
    while (!signal.aborted) {
      try {
        if ((await step()) === 'went') continue
      } catch {
        // The database is away: what is due stays due.
      }
      await delay(everyMs ?? lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
}

const outletFor = (sink: Sink): Outlet => {
  switch (sink.kind) {
    case 'file':
      return new FileOutlet(sink)
    case 'splunk_hec':
      return new SplunkOutlet(sink)
    case 'cloudevents':
      return new CloudEventsOutlet(sink)
  }
}

/** Sends to one sink, as long as it is this sender's. */
class SinkSender {
  readonly #sink: Sink
  readonly #outlet: Outlet
  readonly #holder: string
  readonly #parts: ExporterParts
  #isRegistered = false
  /** The most events of the next request: fewer after one that a sink refused, until it is known which of them it meant. */
  #most: number

  constructor(sink: Sink, holder: string, parts: ExporterParts) {
    this.#sink = sink
    this.#outlet = (parts.outletOf ?? outletFor)(sink)
    this.#holder = holder
    this.#parts = parts
    this.#most = this.#outlet.most
  }

  async step(signal: AbortSignal): Promise<Step> {
    const { db, keys, leaseMs = LEASE_MS } = this.#parts
    const { name, targets, form } = this.#sink
    if (!this.#isRegistered) await registerSink(db, { name, targets })
    this.#isRegistered = true
    const held = await holdSink(db, name, this.#holder, leaseMs)
    if (held === undefined) return 'idle'
    const once = await nextAgain(db, name)
    if (once !== undefined) return await this.#sendOnce(once, held, signal)
    const { mostBytes } = this.#outlet
    const due = await nextEvents(db, name, { most: this.#most, mostBytes, form })
    if (due.length === 0) return 'idle'
    const { events, through, stuck } = await opened(keys, due, form)
    if (through === undefined) return stuck === undefined ? 'idle' : await this.#stuck(stuck, held, signal)
    const [first] = events
    if (first === undefined) return (await advanceSink(db, this.#hold(held), through)) ? 'went' : 'idle'
    const delivered = await this.#deliver(events, signal)
    if (delivered.came === 'sent') {
      this.#most = Math.min(this.#most * 2, this.#outlet.most)
      const isOurs = await advanceSink(db, this.#hold(held), through)
      if (isOurs) this.#tell('sent', events.length)
      return isOurs ? 'went' : 'idle'
    }
    if (delivered.came !== 'refused') return await this.#later(delivered, held, events.length, signal)
    if (events.length > 1) {
      // Those before it go by themselves, then it alone: a sink that refuses one need not have taken the others.
      const { at } = delivered
      this.#most = at !== undefined && at > 0 && at < events.length ? at : at === 0 ? 1 : Math.ceil(events.length / 2)
      return 'went'
    }
    return await this.#refused(first, delivered.why, held)
  }

  /** What was refused, and somebody wants sent again: by itself, whatever its place was. */
  async #sendOnce(sealed: OutboxEvent, held: HeldSink, signal: AbortSignal): Promise<Step> {
    const {
      events: [event],
      stuck,
    } = await opened(this.#parts.keys, [sealed], this.#sink.form)
    if (stuck !== undefined) return await this.#stuck(stuck, held, signal)
    // Erased just now: its row is emptied.
    if (event === undefined) return 'idle'
    const delivered = await this.#deliver([event], signal)
    if (delivered.came === 'sent') {
      await settleAgain(this.#parts.db, this.#sink.name, event.id)
      await advanceSink(this.#parts.db, this.#hold(held), held.lastId)
      this.#tell('sent', 1)
      return 'went'
    }
    if (delivered.came === 'refused') return await this.#refused(event, delivered.why, held)
    return await this.#later(delivered, held, 1, signal)
  }

  /** What nobody can open is put aside; where it is only the keys that are away, all waits for them. */
  async #stuck(
    { event, why, isAway }: NonNullable<Opened['stuck']>,
    held: HeldSink,
    signal: AbortSignal,
  ): Promise<Step> {
    if (isAway) return await this.#later({ came: 'again', why }, held, 1, signal)
    return await this.#refused(event, why, held)
  }

  async #deliver(events: readonly OutboxEvent[], signal: AbortSignal): Promise<Delivered> {
    const { db, leaseMs = LEASE_MS } = this.#parts
    return await this.#outlet.deliver(events, () => keepSink(db, this.#sink.name, this.#holder, leaseMs), signal)
  }

  async #refused(event: OutboxEvent, why: string, held: HeldSink): Promise<Step> {
    const isTooMany = held.refusedInRow + 1 >= MOST_REFUSED_IN_ROW
    const pauseMs = isTooMany ? this.#pauseMs(held.refusedInRow + 1 - MOST_REFUSED_IN_ROW) : 0
    const isOurs = await refuseEvent(this.#parts.db, this.#hold(held), { id: event.id, why, pauseMs })
    if (isOurs) this.#tell('refused', 1, why)
    return isOurs ? 'went' : 'idle'
  }

  async #later(
    delivered: Exclude<Delivered, { readonly came: 'sent' | 'refused' }>,
    held: HeldSink,
    events: number,
    signal: AbortSignal,
  ): Promise<Step> {
    // What we cut off ourselves says nothing of the sink.
    if (delivered.came === 'lost' || signal.aborted) return 'idle'
    const { why, afterMs = this.#pauseMs(held.attempts) } = delivered
    await postponeSink(this.#parts.db, this.#hold(held), { why, afterMs })
    this.#tell('again', events, why)
    return 'idle'
  }

  #pauseMs(attempts: number): number {
    const { firstPauseMs = 1_000 } = this.#parts
    return Math.min(firstPauseMs * 2 ** Math.min(attempts, 20), LONGEST_PAUSE_MS)
  }

  #hold(held: HeldSink) {
    return { sink: this.#sink.name, holder: this.#holder, lastId: held.lastId }
  }

  #tell(end: ExportEnd, events: number, why?: string): void {
    this.#parts.told?.(this.#sink.name, end, events, why)
  }
}
