import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { SplunkSink } from '../../../src/audit/export/config.ts'
import { type ExportEnd, Exporter, type ExporterParts } from '../../../src/audit/export/exporter.ts'
import { SplunkOutlet } from '../../../src/audit/export/splunk-outlet.ts'
import { outboxStanding, refusedEvents, sendAgain } from '../../../src/ledger/outbox.ts'
import { useLedger } from '../../worker/ledger-case.ts'
import { type HecEvent, type HecFault, hecServer } from './hec.ts'
import { enqueuedRun } from './records.ts'

const db = useLedger()
let names = 0

const sinkOf = (hec: { readonly url: string; readonly token: string }, more: Partial<SplunkSink> = {}): SplunkSink => {
  const name = `splunk-${(names += 1)}`
  return {
    name,
    targets: [name],
    form: 'native',
    kind: 'splunk_hec',
    url: hec.url,
    token: hec.token,
    index: undefined,
    host: undefined,
    sourcetype: 'countersign:audit',
    acknowledgeMs: 5_000,
    batchEvents: 100,
    batchBytes: 524_288,
    ...more,
  }
}

const exporterOf = (sink: SplunkSink, more: Partial<ExporterParts> = {}): Exporter =>
  new Exporter({
    db: db(),
    config: { sinks: [sink], keepDays: 7 },
    firstPauseMs: 1,
    outletOf: () => new SplunkOutlet(sink, { firstPollMs: 5 }),
    ...more,
  })

const standingOf = async ({ name }: SplunkSink) =>
  (await outboxStanding(db())).sinks.find((standing) => standing.sink === name)

/** Sends until nothing waits. */
async function untilEmpty(exporter: Exporter, sink: SplunkSink): Promise<void> {
  await exporter.sendDue()
  for (let tries = 0; (await standingOf(sink))?.waiting !== 0; tries += 1) {
    if (tries > 500) throw new Error(`something still waits: ${JSON.stringify(await standingOf(sink))}`)
    await exporter.sendDue()
  }
}

const seqs = (events: readonly HecEvent[]): readonly number[] => events.map(({ fields }) => Number(fields.seq))
const idsOf = (events: readonly HecEvent[]): readonly string[] => events.map(({ fields }) => fields.event_id)
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at)

test('events come once, in order, in batches, compressed, each with its time, its id and its sourcetype', async () => {
  await using hec = await hecServer()
  const sink = sinkOf(hec, { batchEvents: 20, index: 'audit', host: 'acme' })
  const runKey = await enqueuedRun(db(), 50, sink.name)
  await exporterOf(sink).sendDue()
  expect(seqs(hec.indexed)).toEqual(upTo(50))
  expect(new Set(idsOf(hec.indexed)).size).toBe(50)
  expect(hec.requests.map(({ events }) => events)).toEqual([20, 20, 10])
  const [first] = hec.indexed
  expect(first).toMatchObject({
    time: '1795773600.000',
    source: 'countersign',
    sourcetype: 'countersign:audit',
    index: 'audit',
    host: 'acme',
    fields: { run_key: runKey, seq: '0' },
    event: { v: 1, kind: 'countersign.event', run: { key: runKey }, entry: 'state', seq: 0 },
  })
  expect(first?.event['id']).toBe(first?.fields.event_id)
  expect(first?.fields.event_id).toMatch(new RegExp(`^${runKey}/0/[0-9a-f]{16}$`))
})

test('a batch has no more bytes than it may have', async () => {
  await using hec = await hecServer()
  const sink = sinkOf(hec, { batchBytes: 2_000 })
  await enqueuedRun(db(), 30, sink.name)
  await exporterOf(sink).sendDue()
  expect(seqs(hec.indexed)).toEqual(upTo(30))
  expect(Math.max(...hec.requests.map(({ events }) => events))).toBeLessThan(8)
})

const PASSING: readonly HecFault[] = [
  'busy',
  'queue full',
  'internal error',
  'hang up before',
  'token disabled',
  'unauthorized',
  'invalid token',
  'incorrect index',
  { status: 502, headers: {}, body: '<html>' },
  { status: 400, headers: {}, body: '<html>' },
  { status: 302, headers: { location: 'http://elsewhere.example/' } },
]

test.each(PASSING)('after %j all of it is sent again, and nothing is given up', async (fault) => {
  await using hec = await hecServer()
  hec.faults.push(fault, fault, fault)
  const sink = sinkOf(hec, { batchEvents: 4 })
  await enqueuedRun(db(), 10, sink.name)
  const told: ExportEnd[] = []
  await untilEmpty(exporterOf(sink, { told: (_, end) => told.push(end) }), sink)
  expect(seqs(hec.indexed)).toEqual(upTo(10))
  expect(told).toEqual(['again', 'again', 'again', 'sent', 'sent', 'sent'])
  expect(await refusedEvents(db(), 100)).toEqual([])
  expect(await standingOf(sink)).toMatchObject({ waiting: 0, failingSince: null, why: null })
})

test('a wrong token is said, without the token, since when; and whoever mends it has lost nothing', async () => {
  await using hec = await hecServer()
  const sink = sinkOf({ url: hec.url, token: 'wrong-token' })
  await enqueuedRun(db(), 5, sink.name)
  await exporterOf(sink, { leaseMs: 1 }).sendDue()
  const { why, failingSince, waiting } = (await standingOf(sink)) ?? {}
  expect({ why, waiting }).toEqual({ why: 'it answered 403 (code 4, "Invalid token")', waiting: 5 })
  expect(failingSince).toBeInstanceOf(Date)
  await untilEmpty(exporterOf({ ...sink, token: hec.token }), sink)
  expect(seqs(hec.indexed)).toEqual(upTo(5))
})

test('a busy indexer that says when is left alone until then, by every sender', async () => {
  await using hec = await hecServer()
  hec.faults.push({ status: 503, headers: { 'retry-after': '120' } })
  const sink = sinkOf(hec)
  await enqueuedRun(db(), 5, sink.name)
  await exporterOf(sink).sendDue()
  await exporterOf(sink).sendDue()
  expect(hec.requests).toHaveLength(1)
  const inSeconds = (Number((await standingOf(sink))?.nextAt) - Date.now()) / 1000
  expect(inSeconds).toBeGreaterThan(110)
  expect(inSeconds).toBeLessThan(121)
})

test('where the answer is cut off after the batch was taken, it comes again with the same ids', async () => {
  await using hec = await hecServer()
  hec.faults.push('hang up after')
  const sink = sinkOf(hec)
  await enqueuedRun(db(), 5, sink.name)
  await untilEmpty(exporterOf(sink), sink)
  expect(seqs(hec.indexed)).toEqual([...upTo(5), ...upTo(5)])
  expect(idsOf(hec.indexed.slice(5))).toEqual(idsOf(hec.indexed.slice(0, 5)))
  expect(hec.indexed.slice(5)).toEqual(hec.indexed.slice(0, 5))
})

test('with acknowledgement a batch counts only when the indexer has it, on a channel of its own', async () => {
  await using hec = await hecServer({ acks: true })
  hec.pollsUntilAcked = 3
  const sink = sinkOf(hec, { batchEvents: 5 })
  await enqueuedRun(db(), 10, sink.name)
  await exporterOf(sink).sendDue()
  expect(seqs(hec.indexed)).toEqual(upTo(10))
  expect(new Set(hec.requests.map(({ channel }) => channel)).size).toBe(1)
  expect(await standingOf(sink)).toMatchObject({ waiting: 0 })
})

test('a lost acknowledgement has the batch sent again with the same ids', async () => {
  await using hec = await hecServer({ acks: true })
  hec.faults.push('lose ack')
  const sink = sinkOf(hec, { acknowledgeMs: 50, batchEvents: 5 })
  await enqueuedRun(db(), 10, sink.name)
  const told: (string | undefined)[] = []
  await untilEmpty(exporterOf(sink, { told: (_, end, _events, why) => told.push(end === 'again' ? why : end) }), sink)
  expect(told).toEqual(['it did not acknowledge within 0.05 s', 'sent', 'sent'])
  expect(seqs(hec.indexed)).toEqual(upTo(10))
  expect(hec.requests.map(({ events }) => events)).toEqual([5, 5, 5])
})

test.each([true, false])(
  'only the event that is malformed is put aside; it is seen, and can be sent once more (the sink tells which: %s)',
  async (tellsWhich) => {
    const malformed = new Set<string>()
    await using hec = await hecServer({ malformed, tellsWhich })
    const sink = sinkOf(hec, { batchEvents: 16 })
    const runKey = await enqueuedRun(db(), 40, sink.name)
    const { rows } = await sql<{ event_id: string }>`
      SELECT event_id FROM countersign.outbox WHERE run_key = ${runKey} AND seq IN (0, 13, 14, 39)`.execute(db())
    for (const { event_id } of rows) malformed.add(event_id)
    const exporter = exporterOf(sink)
    await untilEmpty(exporter, sink)
    expect(seqs(hec.indexed)).toEqual(upTo(40).filter((seq) => ![0, 13, 14, 39].includes(seq)))
    expect(await standingOf(sink)).toMatchObject({ refused: 4, waiting: 0, failingSince: null })
    const refused = (await refusedEvents(db(), 100)).filter((one) => one.sink === sink.name)
    expect(refused.map(({ eventId }) => eventId).toSorted()).toEqual([...malformed].toSorted())
    expect(new Set(refused.map(({ why }) => why))).toEqual(new Set(['it answered 400 (code 6, "Invalid data format")']))

    // Still malformed: it stays where it is.
    expect(await sendAgain(db(), sink.name, refused[0]?.eventId)).toBe(1)
    await exporter.sendDue()
    expect(await standingOf(sink)).toMatchObject({ refused: 4 })
    malformed.clear()
    expect(await sendAgain(db(), sink.name)).toBe(4)
    await exporter.sendDue()
    expect(await standingOf(sink)).toMatchObject({ refused: 0, waiting: 0 })
    expect(new Set(seqs(hec.indexed)).size).toBe(40)
    expect(hec.indexed).toHaveLength(40)
  },
)

test('a sink that calls everything malformed is slowed down, and does not empty the outbox', async () => {
  const malformed = { has: () => true } as unknown as ReadonlySet<string>
  await using hec = await hecServer({ malformed })
  const sink = sinkOf(hec, { batchEvents: 50 })
  await enqueuedRun(db(), 50, sink.name)
  const exporter = exporterOf(sink, { firstPauseMs: 60_000 })
  await exporter.sendDue()
  await exporter.sendDue()
  expect(await standingOf(sink)).toMatchObject({
    refused: 10,
    waiting: 40,
    why: 'it refuses every event: it answered 400 (code 6, "Invalid data format")',
  })
})

test('one that is too large alone is put aside; a batch that is too large goes in parts', async () => {
  await using hec = await hecServer()
  hec.faults.push('too large')
  const sink = sinkOf(hec)
  await enqueuedRun(db(), 8, sink.name)
  await untilEmpty(exporterOf(sink, { leaseMs: 1 }), sink)
  expect(seqs(hec.indexed)).toEqual(upTo(8))
  expect(hec.requests.map(({ events }) => events)).toEqual([8, 4, 4])
  await enqueuedRun(db(), 1, sink.name)
  hec.faults.push('too large')
  await untilEmpty(exporterOf(sink, { leaseMs: 1 }), sink)
  expect(await standingOf(sink)).toMatchObject({ refused: 1, waiting: 0 })
})

test('a collector that is down for long, then up, has everything, in order', async () => {
  await using hec = await hecServer()
  const sink = sinkOf(hec, { batchEvents: 7 })
  const runs = [await enqueuedRun(db(), 9, sink.name)]
  await hec.down()
  const exporter = exporterOf(sink)
  for (let day = 0; day < 20; day += 1) {
    runs.push(await enqueuedRun(db(), 9, sink.name))
    await exporter.sendDue()
  }
  expect(hec.indexed).toEqual([])
  expect(await standingOf(sink)).toMatchObject({ waiting: 189, refused: 0 })
  await hec.up()
  await untilEmpty(exporter, sink)
  for (const run of runs) {
    expect(seqs(hec.indexed.filter(({ fields }) => fields.run_key === run))).toEqual(upTo(9))
  }
  expect(hec.indexed).toHaveLength(189)
})

test('of ten senders one at a time sends, and each event comes once', async () => {
  await using hec = await hecServer()
  const sink = sinkOf(hec, { batchEvents: 3 })
  const senders = Array.from({ length: 10 }, () => exporterOf(sink, { lookEveryMs: 5 }))
  const stops = senders.map((sender) => sender.watch())
  const runs = await Promise.all(Array.from({ length: 20 }, () => enqueuedRun(db(), 10, sink.name)))
  for (let tries = 0; hec.indexed.length < 200 && tries < 400; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  for (const stop of stops) stop()
  expect(hec.indexed).toHaveLength(200)
  expect(new Set(idsOf(hec.indexed)).size).toBe(200)
  for (const run of runs) {
    expect(seqs(hec.indexed.filter(({ fields }) => fields.run_key === run))).toEqual(upTo(10))
  }
})

test('a sender whose lease is over tells nothing of what it still sent', async () => {
  await using hec = await hecServer()
  const sink = sinkOf(hec, { batchEvents: 5 })
  await enqueuedRun(db(), 10, sink.name)
  const slow = exporterOf(sink, {
    leaseMs: 1,
    outletOf: () => ({
      most: 5,
      mostBytes: 100_000,
      async deliver() {
        await exporterOf(sink).sendDue()
        return { came: 'sent' }
      },
    }),
  })
  await slow.sendDue()
  expect(seqs(hec.indexed)).toEqual(upTo(10))
  expect(await standingOf(sink)).toMatchObject({ waiting: 0 })
})
