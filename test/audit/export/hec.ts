import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'

/** An event as the collector took it. */
export interface HecEvent {
  readonly time: string
  readonly source: string
  readonly sourcetype: string
  readonly host?: string
  readonly index?: string
  readonly fields: { readonly event_id: string; readonly run_key: string; readonly seq: string }
  readonly event: Readonly<Record<string, unknown>>
}

/** What the collector does with its next request for events instead of taking them. */
export type HecFault =
  | 'busy'
  | 'queue full'
  | 'token disabled'
  | 'unauthorized'
  | 'invalid token'
  | 'incorrect index'
  | 'internal error'
  /** Taken, and the answer never comes. */
  | 'hang up after'
  | 'hang up before'
  | 'too large'
  /** Taken by the collector and lost before the indexer: it is never acknowledged. */
  | 'lose ack'
  /** As a proxy answers. */
  | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body?: string }

const CODES: Readonly<Record<number, readonly [status: number, text: string]>> = {
  0: [200, 'Success'],
  1: [403, 'Token disabled'],
  2: [401, 'Token is required'],
  3: [401, 'Invalid authorization'],
  4: [403, 'Invalid token'],
  5: [400, 'No data'],
  6: [400, 'Invalid data format'],
  7: [400, 'Incorrect index'],
  8: [500, 'Internal server error'],
  9: [503, 'Server is busy'],
  10: [400, 'Data channel is missing'],
  11: [400, 'Invalid data channel'],
  12: [400, 'Event field is required'],
  13: [400, 'Event field cannot be blank'],
  14: [400, 'ACK is disabled'],
  15: [400, 'Error in handling indexed fields'],
  26: [429, 'Queue at capacity'],
}

const FAULT_CODES: Readonly<Record<string, number>> = {
  busy: 9,
  'queue full': 26,
  'token disabled': 1,
  unauthorized: 3,
  'invalid token': 4,
  'incorrect index': 7,
  'internal error': 8,
}

const CHANNEL = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export interface HecOptions {
  readonly token?: string
  /** Whether the token is acknowledged. */
  readonly acks?: boolean
  /** Event ids that it calls malformed. */
  readonly malformed?: ReadonlySet<string>
  /** Whether it says which one was. */
  readonly tellsWhich?: boolean
}

/**
 * A collector as Splunk documents it ("Troubleshoot HTTP Event Collector", "About HTTP Event Collector Indexer Acknowledgment"): codes,
 * channels, acknowledgement. Of a batch with a malformed event it takes none.
 */
export async function hecServer(options: HecOptions = {}) {
  const { token = 'secret-token', acks = false, malformed = new Set(), tellsWhich = true } = options
  const faults: HecFault[] = []
  /** In the order in which the indexer has them. */
  const indexed: HecEvent[] = []
  const requests: { readonly events: number; readonly bytes: number; readonly channel: string }[] = []
  const waiting = new Map<string, { polls: number; readonly isLost: boolean }>()
  let lastAck = 0
  /** Polls until a batch is acknowledged. */
  let pollsUntilAcked = 2
  let onEvents: ((events: readonly HecEvent[]) => void) | undefined
  let onTaken: ((events: readonly HecEvent[]) => void) | undefined

  const answer = (response: ServerResponse, code: number, more: object = {}): void => {
    const [status, text] = CODES[code] ?? [500, 'unknown']
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ text, code, ...more }))
  }

  async function events(request: IncomingMessage, response: ServerResponse, channel: string | null): Promise<void> {
    const sent = await buffer(request)
    const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString('utf8')
    if (text === '') return answer(response, 5)
    if (acks && channel === null) return answer(response, 10)
    if (channel !== null && !CHANNEL.test(channel)) return answer(response, 11)
    const parsed: HecEvent[] = []
    for (const [at, line] of text.split('\n').entries()) {
      let one: HecEvent
      try {
        one = JSON.parse(line) as HecEvent
      } catch {
        return answer(response, 6, { 'invalid-event-number': at })
      }
      if (one.event === undefined) return answer(response, 12, { 'invalid-event-number': at })
      if (malformed.has(one.fields.event_id)) {
        return answer(response, 6, tellsWhich ? { 'invalid-event-number': at } : {})
      }
      if (Object.values(one.fields).some((value) => typeof value === 'object')) return answer(response, 15)
      parsed.push(one)
    }
    requests.push({ events: parsed.length, bytes: sent.length, channel: channel ?? '' })
    onEvents?.(parsed)
    const fault = faults.shift()
    if (fault === 'hang up before') return void request.socket.destroy()
    if (fault === 'too large') return void response.writeHead(413).end()
    if (typeof fault === 'object') return void response.writeHead(fault.status, fault.headers).end(fault.body ?? '')
    const code = fault === undefined ? undefined : FAULT_CODES[fault]
    if (code !== undefined) return answer(response, code)
    if (fault !== 'lose ack') indexed.push(...parsed)
    onTaken?.(parsed)
    if (fault === 'hang up after') return void request.socket.destroy()
    if (!acks) return answer(response, 0)
    lastAck += 1
    waiting.set(`${channel}/${lastAck}`, { polls: pollsUntilAcked, isLost: fault === 'lose ack' })
    return answer(response, 0, { ackId: lastAck })
  }

  async function acknowledgements(
    request: IncomingMessage,
    response: ServerResponse,
    channel: string | null,
  ): Promise<void> {
    if (!acks) return answer(response, 14)
    if (channel === null) return answer(response, 10)
    const asked = JSON.parse((await buffer(request)).toString('utf8')) as { readonly acks: readonly number[] }
    const told = asked.acks.map((id) => {
      const one = waiting.get(`${channel}/${id}`)
      if (one === undefined || one.isLost) return [String(id), false]
      one.polls -= 1
      // What was told once is forgotten.
      if (one.polls <= 0) waiting.delete(`${channel}/${id}`)
      return [String(id), one.polls <= 0]
    })
    response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify({ acks: Object.fromEntries(told) }))
  }

  const server = createServer((request, response) => {
    const url = new URL(String(request.url), 'http://hec')
    const { authorization } = request.headers
    const channel = (request.headers['x-splunk-request-channel'] as string) ?? url.searchParams.get('channel')
    if (authorization === undefined) return answer(response, 2)
    if (!authorization.startsWith('Splunk ')) return answer(response, 3)
    if (authorization !== `Splunk ${token}`) return answer(response, 4)
    const come =
      url.pathname === '/services/collector/event'
        ? events
        : url.pathname === '/services/collector/ack'
          ? acknowledgements
          : undefined
    if (come === undefined) return response.writeHead(404).end()
    come(request, response, channel ?? null).catch(() => request.socket.destroy())
    return undefined
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const down = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    faults,
    indexed,
    requests,
    set pollsUntilAcked(polls: number) {
      pollsUntilAcked = polls
    },
    /** Is told of each request before anything is done with it. */
    set onEvents(hear: typeof onEvents) {
      onEvents = hear
    },
    /** Is told of each batch that was taken, before the answer. */
    set onTaken(hear: typeof onTaken) {
      onTaken = hear
    },
    down,
    async up() {
      await once(server.listen(port, '127.0.0.1'), 'listening')
    },
    [Symbol.asyncDispose]: down,
  }
}
