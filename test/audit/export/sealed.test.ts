import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Sink } from '../../../src/audit/export/config.ts'
import type { Outlet } from '../../../src/audit/export/delivery.ts'
import { enqueue } from '../../../src/audit/export/enqueue.ts'
import { Exporter } from '../../../src/audit/export/exporter.ts'
import { destroyDataKeys } from '../../../src/ledger/data-keys.ts'
import { type OutboxEvent, outboxStanding, refusedEvents } from '../../../src/ledger/outbox.ts'
import { type DataKeys, ledgerDataKeys } from '../../../src/privacy/data-keys.ts'
import { sealerWhereKeyed } from '../../../src/privacy/sealed.ts'
import { testMasterKeys } from '../../privacy/keys.ts'
import { useLedger } from '../../worker/ledger-case.ts'
import { enqueuedRun, entryOf, NO_CONTRACTS, openedRun, recordOf } from './records.ts'

const db = useLedger()
const masterKeys = testMasterKeys()
const dataKeys = () => ledgerDataKeys(db(), masterKeys)

/** A run that has a key, with so many events for a target. */
async function sealedRun(target: string, events = 3): Promise<string> {
  const runKey = await openedRun(db(), `{ export: ${target} }`)
  const workflowId = runKey.slice(0, runKey.lastIndexOf('/'))
  const keys = dataKeys()
  await keys.keyFor('default', workflowId)
  const entries = Array.from({ length: events }, (_, seq) => entryOf(seq, 'state', { says: { word: 'xylophone' } }))
  const sealer = await sealerWhereKeyed(db(), keys, { namespace: 'default', workflowId })
  expect(await enqueue(db(), recordOf(runKey, entries), NO_CONTRACTS, sealer)).toEqual({ target, added: events })
  return workflowId
}

function sinkTo(name: string, keys: DataKeys | undefined, form: Sink['form'] = 'native') {
  const got: OutboxEvent[] = []
  const sink: Sink = { name, targets: [name], form, kind: 'file', path: 'unused', rotateBytes: 1 }
  const outlet: Outlet = {
    most: 100,
    mostBytes: 1_000_000,
    async deliver(events) {
      got.push(...events)
      return { came: 'sent' }
    },
  }
  const exporter = new Exporter({
    db: db(),
    keys,
    config: { sinks: [sink], keepDays: 7 },
    firstPauseMs: 1,
    outletOf: () => outlet,
  })
  return { got, exporter }
}
const standingOf = async (name: string) => (await outboxStanding(db())).sinks.find(({ sink }) => sink === name)

test.each(['native', 'ocsf'] as const)('what is encrypted at rest leaves as it was written, as %s', async (form) => {
  const target = `sealed-${form}`
  await sealedRun(target)
  const plain = await enqueuedRun(db(), 1, target)
  const { rows } = await sql<{ native: string; ocsf: string }>`
    SELECT native, ocsf FROM countersign.outbox WHERE target = ${target} ORDER BY id`.execute(db())
  for (const { native, ocsf } of rows.slice(0, 3)) {
    expect(native).toMatch(/^\{"sealed":/)
    expect(ocsf).toMatch(/^\{"sealed":/)
  }
  const { got, exporter } = sinkTo(target, dataKeys(), form)
  await exporter.sendDue()
  expect(got).toHaveLength(4)
  const told = got.map((event) => JSON.parse(event[form]) as Readonly<Record<string, unknown>>)
  for (const one of told) expect(Object.keys(one)).toContain(form === 'native' ? 'seq' : 'class_uid')
  expect(got[3]?.runKey).toBe(plain)
})

test('without keys it waits, and says why; with them it arrives once', async () => {
  await sealedRun('waits')
  const without = sinkTo('waits', undefined)
  await without.exporter.sendDue()
  expect(without.got).toEqual([])
  expect(await standingOf('waits')).toMatchObject({ waiting: 3, why: expect.stringContaining('no master keys') })
  const { got, exporter } = sinkTo('waits', dataKeys())
  await sql`UPDATE countersign.outbox_cursors SET next_at = now(), holder = NULL`.execute(db())
  await exporter.sendDue()
  expect(got.map(({ seq }) => seq)).toEqual([0, 1, 2])
  expect(await standingOf('waits')).toMatchObject({ waiting: 0, failingSince: null })
})

test('once its key is destroyed nobody can send it, and what is behind it goes on', async () => {
  const gone = await sealedRun('erased')
  const other = await sealedRun('erased')
  await destroyDataKeys(db(), { workflowId: gone }, 'asked for')
  const { got, exporter } = sinkTo('erased', dataKeys())
  await exporter.sendDue()
  expect(got.map(({ runKey }) => runKey.split('/')[0])).toEqual([other, other, other])
  expect(await standingOf('erased')).toMatchObject({ waiting: 0, refused: 0 })
})

test('an event that was altered in the database is put aside, and the others arrive', async () => {
  await sealedRun('altered')
  await sql`UPDATE countersign.outbox SET native = replace(native, '{"sealed":"', '{"sealed":"AAAA')
    WHERE target = 'altered' AND seq = 1`.execute(db())
  const { got, exporter } = sinkTo('altered', dataKeys())
  await exporter.sendDue()
  expect(got.map(({ seq }) => seq)).toEqual([0, 2])
  expect(await refusedEvents(db(), 10)).toMatchObject([{ sink: 'altered' }])
})

test('a run without a key gets none by being exported', async () => {
  const runKey = await openedRun(db(), '{ export: bare }')
  const workflowId = runKey.slice(0, runKey.lastIndexOf('/'))
  const sealer = await sealerWhereKeyed(db(), dataKeys(), { namespace: 'default', workflowId })
  await enqueue(db(), recordOf(runKey, [entryOf(0, 'state')]), NO_CONTRACTS, sealer)
  const { rows } = await sql<{ native: string }>`
    SELECT native FROM countersign.outbox WHERE run_key = ${runKey}`.execute(db())
  expect(rows[0]?.native).not.toContain('sealed')
  const { rows: keys } = await sql`
    SELECT 1 FROM countersign.data_keys WHERE workflow_id = ${workflowId}`.execute(db())
  expect(keys).toEqual([])
})
