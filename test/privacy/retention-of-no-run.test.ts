import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { codecCallsSince, logCodecCall } from '../../src/ledger/codec-calls.ts'
import { liftHold, placeHold } from '../../src/ledger/holds.ts'
import { holdKey } from '../../src/ledger/key-holders.ts'
import { Retention } from '../../src/privacy/retention.ts'
import { useChangedPolicies } from '../support/own-policies.ts'
import { startMessageOf } from '../support/refunds.ts'
import { closedRefund, partsOf, withoutWindow } from './erasing.ts'
import { testMasterKeys } from './keys.ts'

const masterKeys = testMasterKeys()
const world = useChangedPolicies(withoutWindow, { masterKeys })
const SAID = { by: 'counsel', reason: 'a law suit' }

const sweepAfter = async (days: number) =>
  await new Retention({
    ...partsOf(world(), masterKeys),
    namespace: 'default',
    longestDays: () => Promise.resolve(30),
    now: () => new Date(Date.now() + days * 86_400_000),
  }).sweep()
const keyOf = async (workflowId: string) =>
  await world()
    .db.selectFrom('countersign.data_keys')
    .select(['key_id', 'destroyed_at', 'wrapped'])
    .where('workflow_id', '=', workflowId)
    .executeTakeFirstOrThrow()

test('the key of a start that no worker took is destroyed in time, and not while it is open or held', async () => {
  const { keys } = partsOf(world(), masterKeys)
  const id = 'never-opened'
  // Nobody polls this queue.
  const handle = await world().temporal.workflow.start('refund_request', {
    workflowId: id,
    taskQueue: 'nobody-polls',
    args: [startMessageOf(id, { orderId: 'ord_1' })],
  })
  const alone = await keys.keyFor('default', null)
  await holdKey(world().db, alone.keyId, {
    workspace: 'acme',
    subject: 'ana@acme.example',
    issuer: 'https://id.example',
  })
  const opened = await closedRefund(world())

  expect(await sweepAfter(29)).toMatchObject({ certificate: null })
  const { hold } = await placeHold(world().db, { scope: 'workspace', name: 'acme' }, SAID)
  expect(await sweepAfter(31)).toMatchObject({ certificate: null })
  expect(await keyOf(id)).toMatchObject({ destroyed_at: null })
  await liftHold(world().db, hold.id, SAID)

  expect(await sweepAfter(31)).toMatchObject({ certificate: { rows: { data_keys: 1, key_holders: 1 } } })
  await expect(keys.keyById(alone.keyId)).rejects.toMatchObject({ type: 'payload_erased' })
  expect(await keyOf(id)).toMatchObject({ destroyed_at: null })

  await handle.terminate()
  const { hold: ofRun } = await placeHold(world().db, { scope: 'run', name: id }, SAID)
  expect(await sweepAfter(31)).toMatchObject({ certificate: null })
  await liftHold(world().db, ofRun.id, SAID)
  const swept = await sweepAfter(31)
  expect(swept.certificate).toMatchObject({ kind: 'retention', runs: [], rows: { data_keys: 1 } })
  expect(await keyOf(id)).toMatchObject({ wrapped: null })
  // A run that was opened has its own time.
  expect(await keyOf(opened.run.workflowId)).toMatchObject({ destroyed_at: null })
})

test('who asked the codec server for what is deleted in time, and kept with a run that is held', async () => {
  const mine = await closedRefund(world())
  const { key_id: key } = await keyOf(mine.run.workflowId)
  const call = {
    kind: 'decode',
    source: '10.0.0.1',
    origin: null,
    namespace: 'default',
    refused: null,
    who: { issuer: 'https://id.example', subject: 'ana@acme.example' },
    payloads: 1,
    passed: 1,
  } as const
  await logCodecCall(world().db, { ...call, keys: [{ key, payloads: 1, code: null }] })
  await logCodecCall(world().db, { ...call, keys: [] })
  const subjectHash = await partsOf(world(), masterKeys).keys.hiddenName(mine.order.customerId)
  for (const target of [
    { scope: 'run', name: mine.run.workflowId },
    { scope: 'workspace', name: 'acme' },
    { scope: 'subject', name: subjectHash },
  ] as const) {
    const { hold } = await placeHold(world().db, target, SAID)
    await sweepAfter(31)
    expect(await codecCallsSince(world().db, '0')).toMatchObject([{ keys: [{ key }] }])
    await liftHold(world().db, hold.id, SAID)
  }
  expect(await sweepAfter(31)).toMatchObject({ certificate: { rows: { codec_calls: 1 } } })
  expect(await codecCallsSince(world().db, '0')).toEqual([])
  const { rows } = await sql`SELECT 1 FROM countersign.certificates`.execute(world().db)
  expect(rows.length).toBeGreaterThan(0)
})
