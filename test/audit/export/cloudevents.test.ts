import { expect, test } from 'vitest'
import { CloudEventsOutlet } from '../../../src/audit/export/cloudevents-outlet.ts'
import type { CloudEventsSink } from '../../../src/audit/export/config.ts'
import { eventsOf } from '../../../src/audit/export/event.ts'
import { ocsfOf } from '../../../src/audit/export/ocsf.ts'
import { canonicalJson } from '../../../src/contract/digest.ts'
import { runKeyOf } from '../../../src/contract/evidence.ts'
import type { OutboxEvent } from '../../../src/ledger/outbox.ts'
import { httpSink } from '../../notify/sinks.ts'
import { entryOf, NO_CONTRACTS, recordOf } from './records.ts'

const RUN = runKeyOf('refund-1', 'run-1')
const events: readonly OutboxEvent[] = eventsOf(
  recordOf(RUN, [entryOf(0, 'request'), entryOf(1, 'tool_call', { text: 'It was “done”.' })]),
  { level: 'evidence', redacted: [] },
  NO_CONTRACTS,
).map((event, at) => ({
  id: String(at + 7),
  eventId: event.id,
  runKey: RUN,
  seq: event.seq,
  native: canonicalJson(event),
  ocsf: canonicalJson(ocsfOf(event, null).event),
}))

const outletTo = (url: string, more: Partial<CloudEventsSink> = {}) =>
  new CloudEventsOutlet({
    name: 'bus',
    targets: ['bus'],
    form: 'native',
    kind: 'cloudevents',
    url,
    token: undefined,
    mode: 'batched',
    source: 'https://countersign.dev/audit',
    batchEvents: 100,
    batchBytes: 500_000,
    ...more,
  })
const keep = () => Promise.resolve(true)
const send = (outlet: CloudEventsOutlet, of = events) => outlet.deliver(of, keep, new AbortController().signal)

test('a batch is an array of CloudEvents 1.0, with the event as it was written down', async () => {
  await using sink = await httpSink()
  expect(await send(outletTo(`${sink.url}/in`, { token: 't0ken' }))).toEqual({ came: 'sent' })
  const [came] = sink.came
  expect(came?.headers['content-type']).toBe('application/cloudevents-batch+json; charset=utf-8')
  expect(came?.headers.authorization).toBe('Bearer t0ken')
  const batch = JSON.parse(came?.body ?? '') as readonly Readonly<Record<string, unknown>>[]
  expect(batch).toHaveLength(2)
  const { data, ...attributes } = batch[1] ?? {}
  expect(attributes).toEqual({
    specversion: '1.0',
    id: events[1]?.eventId,
    source: 'https://countersign.dev/audit',
    type: 'dev.countersign.audit.tool_call',
    subject: RUN,
    time: '2026-11-27T10:00:01.000Z',
    datacontenttype: 'application/json',
    partitionkey: RUN,
    sequence: '00000000000000000008',
  })
  expect(canonicalJson(data)).toBe(events[1]?.native)
  // CloudEvents 1.0: names of attributes are lower-case letters and digits.
  expect(Object.keys(attributes).filter((name) => !/^[a-z0-9]{1,20}$/.test(name))).toEqual([])
})

test('structured, each is a request of its own, in OCSF where the sink says so', async () => {
  await using sink = await httpSink()
  const outlet = outletTo(sink.url, { mode: 'structured', form: 'ocsf' })
  expect(outlet.most).toBe(1)
  for (const event of events) expect(await send(outlet, [event])).toEqual({ came: 'sent' })
  expect(sink.came.map(({ headers }) => headers['content-type'])).toEqual(
    Array.from({ length: 2 }, () => 'application/cloudevents+json; charset=utf-8'),
  )
  expect(JSON.parse(sink.came[0]?.body ?? '')).toMatchObject({
    id: events[0]?.eventId,
    data: { class_uid: 6003, metadata: { version: '1.9.0' } },
  })
})

test.each([
  [200, { came: 'sent' }],
  [202, { came: 'sent' }],
  [400, { came: 'refused', why: 'it answered 400' }],
  [413, { came: 'refused', why: 'it answered 413' }],
  [401, { came: 'again', why: 'it answered 401' }],
  [404, { came: 'again', why: 'it answered 404' }],
  [307, { came: 'again', why: 'it answered 307' }],
  [500, { came: 'again', why: 'it answered 500' }],
] as const)('an answer %i', async (status, delivered) => {
  await using sink = await httpSink()
  sink.script.push(status)
  expect(await send(outletTo(sink.url))).toEqual(delivered)
})

test('`Retry-After` is kept to; who hangs up, or is not there, is tried again, and no address is told', async () => {
  await using sink = await httpSink()
  sink.script.push({ status: 429, headers: { 'retry-after': '7' } }, 'hang up')
  const outlet = outletTo(`${sink.url}/secret-path`)
  expect(await send(outlet)).toEqual({ came: 'again', why: 'it answered 429', afterMs: 7_000 })
  const hungUp = await send(outlet)
  expect(hungUp).toMatchObject({ came: 'again' })
  expect(JSON.stringify(hungUp)).not.toContain('secret-path')
  const gone = await httpSink()
  await gone[Symbol.asyncDispose]()
  expect(await send(outletTo(gone.url))).toEqual({ came: 'again', why: 'TypeError ECONNREFUSED' })
})
