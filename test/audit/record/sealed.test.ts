import { expect, test } from 'vitest'
import { historyOf } from '../../../src/audit/histories.ts'
import { recordCodec, recordInputOf } from '../../../src/audit/record/record-of-run.ts'
import { reconcileId } from '../../../src/audit/sweep.ts'
import type { DataKeys } from '../../../src/privacy/data-keys.ts'
import { erase } from '../../../src/privacy/erase.ts'
import { useChangedPolicies } from '../../support/own-policies.ts'
import { closedRefund, partsOf, withoutWindow } from '../../privacy/erasing.ts'
import { testMasterKeys } from '../../privacy/keys.ts'
import { expectSound, of } from './records.ts'

const masterKeys = testMasterKeys()
const world = useChangedPolicies(withoutWindow, { masterKeys })
const dataKeys = () => partsOf(world(), masterKeys).keys

async function recordedBy(workflowId: string, keys: DataKeys | undefined) {
  const { temporal: client, db } = world()
  const told = await historyOf({ client, codec: recordCodec(db, keys) }, workflowId, '')
  if (told === undefined) throw new Error('there is no history')
  return await expectSound(await recordInputOf({ client, db, keys }, 'default', told.runKey))
}

test('an encrypted run is recorded in full with its keys, and SEALED without: what is plain is told, nothing else', async () => {
  const { run, order } = await closedRefund(world())
  const full = await recordedBy(run.workflowId, dataKeys())
  expect(of(full, 'tool_call').map(({ proof }) => proof)).toEqual(['signed', 'signed'])
  expect(of(full, 'difference')).toEqual([])
  // What reconciles reads the same history.
  const sides = { client: world().temporal, db: world().db, keys: dataKeys() }
  const [compared] = await reconcileId(sides, run.workflowId)
  expect(compared?.effects.map(({ history, ledger }) => [history, ledger])).toEqual([
    ['done', 'done'],
    ['done', 'done'],
  ])
  expect(compared?.findings).toEqual([])
  const sealed = await recordedBy(run.workflowId, undefined)
  expect(sealed.executions).toEqual(full.executions)
  for (const kind of ['request', 'principal', 'policy', 'tool_call', 'approval'] as const) {
    expect([kind, new Set(of(sealed, kind).map(({ proof }) => proof))]).toEqual([kind, new Set(['sealed'])])
  }
  expect(of(sealed, 'tool_call').map(({ step }) => step)).toEqual(['billing.refund-1', 'helpdesk.reply-1'])
  expect(of(sealed, 'difference').map(({ says }) => says['code'])).toEqual(['not_compared'])
  const text = JSON.stringify(sealed)
  for (const secret of [order.orderId, order.customerId, 'ben@acme.example', 'refund $120.00'])
    expect(text).not.toContain(secret)
})

test('an erased run is ERASED, with keys and without, and its bytes are what they were', async () => {
  const { run, order } = await closedRefund(world())
  const before = await recordedBy(run.workflowId, dataKeys())
  const asked = { subject: order.customerId, reason: 'he asked for it', by: 'olga@acme.example' }
  expect(await erase(partsOf(world(), masterKeys), asked)).toMatchObject({ came: 'erased' })
  for (const keys of [dataKeys(), undefined]) {
    const erased = await recordedBy(run.workflowId, keys)
    expect(erased.executions).toEqual(before.executions)
    expect(new Set(of(erased, 'tool_call').map(({ proof }) => proof))).toEqual(new Set(['erased']))
    expect(of(erased, 'request')).toMatchObject([{ proof: 'erased' }])
    expect(of(erased, 'difference')).toEqual([])
    expect(JSON.stringify(erased)).not.toContain(order.orderId)
  }
})
