import { Client } from '@temporalio/client'
import { expect, test } from 'vitest'
import { eventsOf } from '../../../src/audit/export/event.ts'
import { recordOf } from '../../../src/audit/record/record-of.ts'
import { recordInputOf } from '../../../src/audit/record/record-of-run.ts'
import { bundleOf, sealsOf } from '../../../src/audit/seal/log.ts'
import { testMasterKeys } from '../../privacy/keys.ts'
import { startRefund } from '../../support/refunds.ts'
import { query, useWorld } from '../../support/world.ts'
import { newSealKey, signerWith } from '../seal/log-of.ts'
import { runKeyIn } from '../seal/runs.ts'
import { sweepOnce, untilClosed } from './sweeps.ts'

const world = useWorld({ masterKeys: testMasterKeys() })

test('what is encrypted is sealed, archived and exported as it is, by a sweeper that has no data keys', async () => {
  const { run } = await startRefund(world(), { message: 'Hello, I am Wilhelmina Quastenberg. It arrived broken.' })
  await run.outcome()
  await world().temporal.workflow.getHandle(run.workflowId).terminate('over')
  await untilClosed(world(), 1)
  const client = new Client({ connection: world().temporal.connection })
  expect(await sweepOnce(world(), await signerWith(newSealKey()), { client })).toMatchObject({ sealed: 1 })
  const runKey = await runKeyIn(world(), run)
  const [seal] = await sealsOf(world().db, runKey)
  const bundle = await bundleOf(world().db, seal?.index ?? 0)
  const { rows } = await query(world().databaseUrl, 'SELECT event_id, native FROM countersign.outbox ORDER BY id')
  expect(bundle + rows.map(({ native }) => native).join('')).not.toContain('Quastenberg')
  // What `countersign audit enqueue` writes down by hand are the same events, and that the ledger was not compared.
  const record = await recordOf(await recordInputOf({ client, db: world().db }, 'default', runKey))
  const byHand = eventsOf(record, 'evidence').map(({ id }) => id)
  expect(rows.map(({ event_id }) => event_id)).toEqual(byHand.slice(0, -1))
})
