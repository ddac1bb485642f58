import { z } from 'zod'
import { errorCodes } from '../../contract/error-code.ts'
import type { OutboxEvent } from '../../ledger/outbox.ts'
import type { CloudEventsSink } from './config.ts'
import type { Delivered, Outlet } from './delivery.ts'
import { again, post } from './post.ts'

/** What a sink calls malformed, or too large. */
const REFUSED = new Set([400, 413, 422])

const told = z.object({ at: z.string(), entry: z.string() })

/** Sends events as CloudEvents 1.0 in JSON over HTTP: each in a request of its own (structured), or many as an array (batched). */
export class CloudEventsOutlet implements Outlet {
  readonly most: number
  readonly mostBytes: number
  readonly #sink: CloudEventsSink

  constructor(sink: CloudEventsSink) {
    this.#sink = sink
    this.most = sink.mode === 'batched' ? sink.batchEvents : 1
    this.mostBytes = sink.batchBytes
  }

  async deliver(
    events: readonly OutboxEvent[],
    _keep: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<Delivered> {
    const { url, token, mode } = this.#sink
    const isBatch = mode === 'batched'
    const type = isBatch ? 'application/cloudevents-batch+json' : 'application/cloudevents+json'
    const headers = {
      'Content-Type': `${type}; charset=utf-8`,
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    }
    try {
      const each = events.map((event) => this.#cloudEvent(event))
      const answer = await post(url, isBatch ? `[${each.join(',')}]` : each.join(''), headers, signal)
      if (answer.status >= 200 && answer.status < 300) return { came: 'sent' }
      if (REFUSED.has(answer.status)) return { came: 'refused', why: `it answered ${answer.status}` }
      return again(answer)
    } catch (error) {
      return { came: 'again', why: errorCodes(error) }
    }
  }

  #cloudEvent({ eventId, runKey, id, native, ocsf }: OutboxEvent): string {
    const { form, source } = this.#sink
    const { at, entry } = told.parse(JSON.parse(native))
    const attributes = {
      specversion: '1.0',
      id: eventId,
      source,
      type: `dev.countersign.audit.${entry}`,
      subject: runKey,
      time: at,
      datacontenttype: 'application/json',
      // Extensions of the specification's own list: events of one run belong together, and in this order.
      partitionkey: runKey,
      sequence: id.padStart(20, '0'),
    }
    // The text as it was written down, to the letter.
    return `${JSON.stringify(attributes).slice(0, -1)},"data":${form === 'ocsf' ? ocsf : native}}`
  }
}
