import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { enqueue } from '../../../src/audit/export/enqueue.ts'
import { Exporter } from '../../../src/audit/export/exporter.ts'
import type { Sink } from '../../../src/audit/export/config.ts'
import type { Outlet } from '../../../src/audit/export/delivery.ts'
import { ENTRY_KINDS } from '../../../src/audit/record/types.ts'
import { runKeyOf } from '../../../src/contract/evidence.ts'
import { emptyDelivered, emptyRun, forgetSink, outboxStanding, type OutboxEvent } from '../../../src/ledger/outbox.ts'
import { useLedger } from '../../worker/ledger-case.ts'
import { enqueuedRun, entryOf, NO_CONTRACTS, openedRun, recordOf } from './records.ts'

const db = useLedger()

interface Row {
  readonly seq: number
  readonly event_id: string
  readonly target: string
  readonly native: { readonly entry: string; readonly says: object }
}
const rowsOf = async (runKey: string): Promise<readonly Row[]> =>
  (
    await sql<Row>`SELECT seq, event_id, target, native::json AS native FROM countersign.outbox
      WHERE run_key = ${runKey} ORDER BY id`.execute(db())
  ).rows

const all = ENTRY_KINDS.map((kind, seq) => entryOf(seq, kind))

test('a record is written down once, however often; one that goes on adds what is new', async () => {
  const runKey = await openedRun(db())
  const first = recordOf(runKey, all.slice(0, 5))
  expect(await enqueue(db(), first, NO_CONTRACTS)).toEqual({ target: 'splunk', added: 5 })
  expect(await enqueue(db(), first, NO_CONTRACTS)).toEqual({ target: 'splunk', added: 0 })
  // How the run stands is no part of what an event is.
  expect(await enqueue(db(), { ...recordOf(runKey, all), state: 'reverted' }, NO_CONTRACTS)).toEqual({
    target: 'splunk',
    added: all.length - 5,
  })
  const rows = await rowsOf(runKey)
  expect(rows.map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq))
  expect(new Set(rows.map(({ event_id }) => event_id)).size).toBe(all.length)
})

test('an entry that says something otherwise is another event, and what was told stays told', async () => {
  const runKey = await openedRun(db())
  await enqueue(db(), recordOf(runKey, all.slice(0, 3)), NO_CONTRACTS)
  const changed = all.slice(0, 3).map((entry) => (entry.seq === 1 ? { ...entry, says: { state: 'no, this' } } : entry))
  expect(await enqueue(db(), recordOf(runKey, changed), NO_CONTRACTS)).toEqual({ target: 'splunk', added: 1 })
  expect((await rowsOf(runKey)).map(({ seq }) => seq)).toEqual([0, 1, 2, 1])
})

test('of ten that write the same record down at once, each event is there once, in order', async () => {
  const runKey = await openedRun(db())
  const record = recordOf(runKey, all)
  const added = await Promise.all(Array.from({ length: 10 }, () => enqueue(db(), record, NO_CONTRACTS)))
  expect(added.reduce((sum, one) => sum + one.added, 0)).toBe(all.length)
  expect((await rowsOf(runKey)).map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq))
})

test.each([
  ['{ log_level: evidence, export: splunk }', ENTRY_KINDS],
  ['{ export: splunk }', ENTRY_KINDS],
  [
    '{ log_level: standard, export: siem }',
    ENTRY_KINDS.filter((kind) => !['plan', 'source', 'model_call', 'diff'].includes(kind)),
  ],
  ['{ log_level: evidence }', []],
])('under `audit: %s` these kinds of entries are exported', async (audit, kinds) => {
  const runKey = await openedRun(db(), audit)
  const { target } = await enqueue(db(), recordOf(runKey, all), NO_CONTRACTS)
  const rows = await rowsOf(runKey)
  expect(rows.map(({ native }) => native.entry)).toEqual(kinds)
  expect(new Set(rows.map((row) => row.target))).toEqual(new Set(target === null ? [] : [target]))
})

test('of a run that no worker opened nobody knows a policy, and nothing is exported', async () => {
  const runKey = runKeyOf('nobody', 'run-1')
  expect(await enqueue(db(), recordOf(runKey, all), NO_CONTRACTS)).toEqual({ target: null, added: 0 })
})

test('what an entry says beyond measure is told by its digest; signs that databases do not take go through', async () => {
  const runKey = await openedRun(db())
  const large = entryOf(0, 'source', { says: { policyText: 'x'.repeat(200_000) } })
  const odd = entryOf(1, 'source', { says: { policyText: 'a\u0000b\u2028"\\' } })
  await enqueue(db(), recordOf(runKey, [large, odd]), NO_CONTRACTS)
  const { rows } = await sql<{ native: string }>`
    SELECT native FROM countersign.outbox WHERE run_key = ${runKey} ORDER BY id`.execute(db())
  const said = rows.map(({ native }) => (JSON.parse(native) as { readonly says: object }).says)
  expect(said[0]).toEqual({ omitted: { digest: expect.stringMatching(/^sha256:/), characters: 200_017 } })
  expect(said[1]).toEqual(odd.says)
})

test('what nobody vouches for is masked before it is written down, and so is what looks personal, but for those who acted', async () => {
  const runKey = await openedRun(db())
  const said =
    'Carla Moreno <carla.moreno@mail.example>, +1 415 555 2671, DE89 3704 0044 0532 0130 00, asked ben@acme.example'
  const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
  const entries = [
    entryOf(0, 'request', {
      says: { request: { message: said }, requestDigest: digest, at: '2026-11-27' },
      text: said,
    }),
    entryOf(1, 'decision', {
      step: 'a.b-1',
      says: { tool: 'a.b', effect: 'deny', matches: [{ rule: 'r', because: said }], facts: { tier: said, n: 3 } },
      text: said,
    }),
    entryOf(2, 'approval', {
      by: 'ben@acme.example',
      says: { message: 'decide', said: { decision: 'approve', comment: said }, flaw: said, runKey },
    }),
  ]
  await enqueue(db(), recordOf(runKey, entries), NO_CONTRACTS)
  const { rows } = await sql<{ native: string; ocsf: string }>`
    SELECT native, ocsf FROM countersign.outbox WHERE run_key = ${runKey} ORDER BY id`.execute(db())
  const sent = rows.map(({ native, ocsf }) => native + ocsf).join('')
  for (const personal of ['carla.moreno', '555 2671', '0532 0130']) expect(sent).not.toContain(personal)
  expect(rows.map(({ native }) => JSON.parse(native))).toMatchObject([
    { says: { request: { message: '[text]' }, requestDigest: digest, at: '2026-11-27' }, text: 'request' },
    {
      says: { effect: 'deny', matches: [{ rule: 'r', because: '[text]' }], facts: { tier: '[text]', n: 3 } },
      text: 'decision of a.b-1: deny (r)',
    },
    {
      by: 'ben@acme.example',
      says: {
        message: 'decide',
        said: { decision: 'approve', comment: '[text]' },
        flaw: expect.stringMatching(/^Carla Moreno <\[email\]>, \[phone\], \[iban\], asked ben@acme\.example$/),
        runKey,
      },
      text: 'approval by ben@acme.example: approve',
    },
  ])
})

test('what is erased of a run leaves the outbox at once', async () => {
  const runKey = await enqueuedRun(db(), 4, 'erased-target')
  expect(await emptyRun(db(), runKey)).toBe(4)
  expect(await emptyRun(db(), runKey)).toBe(0)
  const got: OutboxEvent[] = []
  await exporterOf(sinkOf('erased-target'), got).sendDue()
  expect(got).toEqual([])
})

const memory = (got: OutboxEvent[]): Outlet => ({
  most: 100,
  mostBytes: 1_000_000,
  async deliver(events) {
    got.push(...events)
    return { came: 'sent' }
  },
})
const sinkOf = (name: string, targets: readonly string[] = [name]): Sink => ({
  name,
  targets,
  form: 'native',
  kind: 'file',
  path: 'unused',
  rotateBytes: 1,
})
const exporterOf = (sink: Sink, got: OutboxEvent[]) =>
  new Exporter({ db: db(), config: { sinks: [sink], keepDays: 0 }, outletOf: () => memory(got) })

test('each sink gets the targets that it names; one that is added later gets what is still there', async () => {
  const [a, b] = [await enqueuedRun(db(), 3, 'first-target'), await enqueuedRun(db(), 2, 'second-target')]
  const got = { one: [] as OutboxEvent[], both: [] as OutboxEvent[], all: [] as OutboxEvent[] }
  await exporterOf(sinkOf('one', ['first-target']), got.one).sendDue()
  await exporterOf(sinkOf('both', ['first-target', 'second-target']), got.both).sendDue()
  await exporterOf(sinkOf('all', ['*']), got.all).sendDue()
  expect(got.one.map(({ runKey }) => runKey)).toEqual([a, a, a])
  expect(got.both.map(({ runKey }) => runKey)).toEqual([a, a, a, b, b])
  expect(got.all.filter(({ runKey }) => [a, b].includes(runKey as never))).toHaveLength(5)
  for (const sink of ['one', 'both', 'all']) expect(await forgetSink(db(), sink)).toBe(true)
})

test('while many write at once, a sink that sends meanwhile misses nothing', async () => {
  const got: OutboxEvent[] = []
  const exporter = exporterOf(sinkOf('meanwhile'), got)
  const written = new AbortController()
  const sending = (async () => {
    while (!written.signal.aborted) await exporter.sendDue()
    await exporter.sendDue()
  })()
  const runs = await Promise.all(Array.from({ length: 40 }, () => enqueuedRun(db(), 7, 'meanwhile')))
  written.abort()
  await sending
  expect(got).toHaveLength(280)
  for (const run of runs) {
    expect(got.filter(({ runKey }) => runKey === run).map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6])
  }
})

test('what every sink has had is emptied in time, and known all the same; what one has not had stays', async () => {
  const entries = all.slice(0, 3)
  const runKey = await openedRun(db(), '{ export: kept }')
  await enqueue(db(), recordOf(runKey, entries), NO_CONTRACTS)
  const got: OutboxEvent[] = []
  const [quick, slow] = [exporterOf(sinkOf('quick', ['kept']), got), exporterOf(sinkOf('slow', ['kept']), [])]
  const full = async () =>
    (
      await sql<{
        n: number
      }>`SELECT count(native)::int AS n FROM countersign.outbox WHERE run_key = ${runKey}`.execute(db())
    ).rows[0]?.n
  await emptyDelivered(db(), 0, 1_000)
  expect(await full()).toBe(3)
  await slow.sendDue()
  await enqueue(db(), recordOf(runKey, all.slice(0, 4)), NO_CONTRACTS)
  await quick.sendDue()
  await emptyDelivered(db(), 1, 1_000)
  expect(await full()).toBe(4)
  await emptyDelivered(db(), 0, 1_000)
  expect(await full()).toBe(1)
  await slow.sendDue()
  await emptyDelivered(db(), 0, 1_000)
  expect(await full()).toBe(0)
  expect(await enqueue(db(), recordOf(runKey, all.slice(0, 4)), NO_CONTRACTS)).toEqual({ target: 'kept', added: 0 })
  expect(got).toHaveLength(4)
})

test('what nobody takes is told, by where its policy wants it', async () => {
  await enqueuedRun(db(), 2, 'nobody-takes-it')
  const { unclaimed } = await outboxStanding(db())
  expect(unclaimed.find(({ target }) => target === 'nobody-takes-it')).toMatchObject({ waiting: 2 })
})
