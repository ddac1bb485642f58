import { Client } from '@temporalio/client'
import { expect, test } from 'vitest'
import { eventsOf } from '../../../src/audit/export/event.ts'
import { recordOf } from '../../../src/audit/record/record-of.ts'
import { recordInputOf } from '../../../src/audit/record/record-of-run.ts'
import { archived, bundleOf, sealsOf } from '../../../src/audit/seal/log.ts'
import type { Json } from '../../../src/contract/json.ts'
import { erase } from '../../../src/privacy/erase.ts'
import { ledgerDataKeys } from '../../../src/privacy/data-keys.ts'
import { isSealed, open } from '../../../src/privacy/sealed.ts'
import { verifyCertificate } from '../../../src/privacy/verify-certificate.ts'
import { refundRequest } from '../../../workflows/refund-request.ts'
import { partsOf } from '../../privacy/erasing.ts'
import { testMasterKeys } from '../../privacy/keys.ts'
import { startRefund } from '../../support/refunds.ts'
import { query, useWorld } from '../../support/world.ts'
import { NO_CONTRACTS } from '../export/records.ts'
import { newSealKey, signerWith } from '../seal/log-of.ts'
import { runKeyIn } from '../seal/runs.ts'
import { sweepOnce, untilClosed } from './sweeps.ts'

const textIn = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value))
const masterKeys = testMasterKeys()
const world = useWorld({ masterKeys })

/** A run that did its refund and was then ended from outside, the so-many-th that is closed. */
async function terminated(nth: number) {
  const message = 'Hello, I am Wilhelmina Quastenberg. It arrived broken.'
  const { run, order } = await startRefund(world(), { message })
  await run.outcome()
  await world().temporal.workflow.getHandle(run.workflowId).terminate('over')
  await untilClosed(world(), nth)
  return { run, order }
}

test('what is encrypted is sealed, archived and exported as it is, by a sweeper that has no data keys', async () => {
  const { run } = await terminated(1)
  const client = new Client({ connection: world().temporal.connection })
  expect(await sweepOnce(world(), await signerWith(newSealKey()), { client })).toMatchObject({ sealed: 1 })
  const runKey = await runKeyIn(world(), run)
  const [seal] = await sealsOf(world().db, runKey)
  const bundle = await bundleOf(world().db, seal?.index ?? 0)
  const { rows } = await query(world().databaseUrl, 'SELECT event_id, native FROM countersign.outbox ORDER BY id')
  expect(bundle + rows.map(({ native }) => native).join('')).not.toContain('Quastenberg')
  // What `countersign audit enqueue` writes down by hand are the same events, and that the ledger was not compared.
  const record = await recordOf(await recordInputOf({ client, db: world().db }, 'default', runKey))
  const byHand = eventsOf(record, { level: 'evidence', redacted: [] }, NO_CONTRACTS).map(({ id }) => id)
  expect(rows.map(({ event_id }) => event_id)).toEqual(byHand.slice(0, -1))
})

test('a sweeper that has the keys writes down what contracts let leave, and no more', async () => {
  const { run } = await terminated(2)
  const client = new Client({ connection: world().temporal.connection })
  const contracts = new Map([['refund_request', refundRequest.contract]])
  const keys = ledgerDataKeys(world().db, masterKeys)
  expect(await sweepOnce(world(), await signerWith(newSealKey()), { client, contracts, keys })).toMatchObject({
    sealed: 1,
  })
  const runKey = await runKeyIn(world(), run)
  const { rows } = await query(world().databaseUrl, `SELECT native FROM countersign.outbox WHERE run_key = '${runKey}'`)
  const sealed = rows.map(({ native }) => JSON.parse(String(native)) as Json)
  for (const one of sealed) expect(isSealed(one)).toBe(true)
  const sent = (await Promise.all(sealed.map(async (one) => textIn(await open(keys, one))))).join('\n')
  expect(sent).not.toMatch(/Quastenberg|broken/)
  expect(sent).toContain('"facts":{')
  expect(sent).toContain('"refund_amount_usd":{"cents":')
})

test('a run that is erased after it was sealed gets a further seal, which says so', async () => {
  const { run, order } = await terminated(3)
  const signer = await signerWith(newSealKey())
  const contracts = new Map([['refund_request', refundRequest.contract]])
  const keys = ledgerDataKeys(world().db, masterKeys)
  expect(await sweepOnce(world(), signer, { contracts, keys })).toMatchObject({ sealed: 1 })
  const asked = { subject: order.customerId, reason: 'asked for it', by: 'olga@acme.example' }
  const erased = await erase(partsOf(world(), masterKeys), asked)
  if (erased.came !== 'erased') throw new Error(erased.came)
  expect(erased.certificate.runs).toMatchObject([{ rows: { outbox: expect.any(Number) } }])
  expect(await sweepOnce(world(), signer, { contracts, keys })).toMatchObject({ sealed: 1 })
  // That it was erased is exported, too, and is nothing that can be read again.
  expect(await verifyCertificate(world().db, erased.certificate)).toMatchObject({ ok: true })
  expect(await sweepOnce(world(), signer)).toMatchObject({ sealed: 0, failed: 0 })
  const seals = await sealsOf(world().db, await runKeyIn(world(), run))
  const listed = await Promise.all(seals.map(async ({ index }) => (await archived(world().db, index))?.erased.length))
  expect(listed).toEqual([0, 1])
})
