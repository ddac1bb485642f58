import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { z } from 'zod'
import { errorCodes } from '../../contract/error-code.ts'
import type { OutboxEvent } from '../../ledger/outbox.ts'
import type { SplunkSink } from './config.ts'
import type { Delivered, Outlet } from './delivery.ts'
import { again, type Answered, post } from './post.ts'

const zipped = promisify(gzip)

/** Codes of an answer 400 that are about an event: its form, a missing or a blank `event`, its indexed fields. The others are about the sink. */
const MALFORMED = new Set([6, 12, 13, 15])
const FIRST_POLL_MS = 250
const LONGEST_POLL_MS = 5_000

const answered = z.object({
  text: z.string().optional(),
  code: z.int().optional(),
  'invalid-event-number': z.int().nonnegative().optional(),
  ackId: z.int().optional(),
})
const acknowledged = z.object({ acks: z.record(z.string(), z.boolean()) })
const said = z.object({ at: z.string() })

/**
 * Sends events to Splunk's HTTP Event Collector, compressed and many at once, on a channel of its own. Where the answer names an
 * acknowledgement, they count as sent only when the indexer has acknowledged them.
 */
export class SplunkOutlet implements Outlet {
  readonly most: number
  readonly mostBytes: number
  readonly #sink: SplunkSink
  /** One for each sender, as Splunk asks. */
  readonly #channel = randomUUID()
  readonly #firstPollMs: number

  constructor(sink: SplunkSink, { firstPollMs = FIRST_POLL_MS }: { readonly firstPollMs?: number } = {}) {
    this.#sink = sink
    this.most = sink.batchEvents
    this.mostBytes = sink.batchBytes
    this.#firstPollMs = firstPollMs
  }

  async deliver(events: readonly OutboxEvent[], keep: () => Promise<boolean>, signal: AbortSignal): Promise<Delivered> {
    try {
      const body = await zipped(events.map((event) => this.#eventOf(event)).join('\n'))
      const answer = await this.#post('/services/collector/event', new Uint8Array(body), signal, {
        'Content-Encoding': 'gzip',
      })
      const { code, text = '', 'invalid-event-number': at, ackId } = bodyOf(answer)
      const words = code === undefined ? '' : `(code ${code}, ${JSON.stringify(text.slice(0, 200))})`
      if (answer.status >= 200 && answer.status < 300) {
        return ackId === undefined ? { came: 'sent' } : await this.#untilAcknowledged(ackId, keep, signal)
      }
      if (answer.status === 413) return { came: 'refused', why: 'it answered 413' }
      if (answer.status === 400 && code !== undefined && MALFORMED.has(code)) {
        return { came: 'refused', why: `it answered 400 ${words}`, ...(at === undefined ? {} : { at }) }
      }
      return again(answer, words)
    } catch (error) {
      return { came: 'again', why: errorCodes(error) }
    }
  }

  /** Asks until the indexer has it, or the time is over: then it may be lost, and is sent again. */
  async #untilAcknowledged(ackId: number, keep: () => Promise<boolean>, signal: AbortSignal): Promise<Delivered> {
    const { acknowledgeMs } = this.#sink
    const deadline = performance.now() + acknowledgeMs
    for (let pauseMs = this.#firstPollMs; ; pauseMs = Math.min(pauseMs * 2, LONGEST_POLL_MS)) {
      if (!(await keep())) return { came: 'lost' }
      const answer = await this.#post(`/services/collector/ack`, JSON.stringify({ acks: [ackId] }), signal)
      if (answer.status === 200) {
        const { success, data } = acknowledged.safeParse(jsonIn(answer.body))
        if (success && data.acks[String(ackId)] === true) return { came: 'sent' }
      } else if (answer.status < 500 && answer.status !== 429) {
        return again(answer, 'when it was asked for the acknowledgement')
      }
      if (performance.now() + pauseMs > deadline) {
        return { came: 'again', why: `it did not acknowledge within ${acknowledgeMs / 1000} s` }
      }
      await delay(pauseMs, undefined, { signal })
    }
  }

  async #post(
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Answered> {
    const url = new URL(this.#sink.url)
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`
    url.searchParams.set('channel', this.#channel)
    const headers = {
      Authorization: `Splunk ${this.#sink.token}`,
      'Content-Type': 'application/json',
      'X-Splunk-Request-Channel': this.#channel,
      ...more,
    }
    return await post(url.href, body, headers, signal)
  }

  #eventOf({ eventId, runKey, seq, native, ocsf }: OutboxEvent): string {
    const { index, host, sourcetype, form } = this.#sink
    const { at } = said.parse(JSON.parse(native))
    const envelope = {
      time: (Date.parse(at) / 1000).toFixed(3),
      source: 'countersign',
      sourcetype,
      ...(host === undefined ? {} : { host }),
      ...(index === undefined ? {} : { index }),
      // Indexed: what came twice is told by its id.
      fields: { event_id: eventId, run_key: runKey, seq: String(seq) },
    }
    return `${JSON.stringify(envelope).slice(0, -1)},"event":${form === 'ocsf' ? ocsf : native}}`
  }
}

function bodyOf({ body }: Answered): z.output<typeof answered> {
  const { success, data } = answered.safeParse(jsonIn(body))
  return success ? data : {}
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
