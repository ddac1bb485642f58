import { beforeAll, expect, test } from 'vitest'
import { archived, sealsOf } from '../../../src/audit/seal/log.ts'
import type { Signer } from '../../../src/audit/seal/signer.ts'
import { newItem, useBoxes } from '../../kernel/box-world.ts'
import { executionsOf } from '../../support/history.ts'
import { useOwnServer } from '../../support/own-server.ts'
import { until } from '../../support/world.ts'
import { newSealKey, signerWith } from '../seal/log-of.ts'
import { runKeyIn } from '../seal/runs.ts'
import { sweepOnce, untilClosed } from './sweeps.ts'

const address = useOwnServer(['limit.historyCount.suggestContinueAsNew=60'])
const { start, world } = useBoxes({ address })
let signer: Signer
beforeAll(async () => {
  signer = await signerWith(newSealKey())
})

test('of a run that goes on in other executions each is sealed once it is over, and kept when Temporal deletes it', async () => {
  const item = newItem()
  const acts = Array.from({ length: 25 }, (_, at) => ({ tool: 'put', item: `${item}/${at}` }))
  const run = await start('chain', { acts, finally: 'throw' })
  const runKey = await runKeyIn(world(), run)
  const first = runKey.slice(runKey.lastIndexOf('/') + 1)
  await until('its second execution', async () => ((await executionsOf(world().temporal, run)) > 1 ? true : undefined))
  await untilClosed(world(), 1)
  await sweepOnce(world(), signer)
  expect((await sealsOf(world().db, runKey)).length).toBeGreaterThan(0)
  await run.result()
  const executions = await executionsOf(world().temporal, run)
  await untilClosed(world(), executions)
  await world().temporal.workflowService.deleteWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run.workflowId, runId: first },
  })
  await until('it to be deleted', async () =>
    (await executionsOf(world().temporal, run)) < executions ? true : undefined,
  )
  await sweepOnce(world(), signer)
  const newest = (await sealsOf(world().db, runKey)).at(-1)
  const record = (await archived(world().db, newest?.index ?? 0))?.record
  expect(record?.executions.length).toBe(executions)
  expect(record?.executions.map(({ runId }) => runId)).toContain(first)
  expect(newest?.state).toBe('reverted')
  const seals = (await sealsOf(world().db, runKey)).length
  await sweepOnce(world(), signer)
  expect((await sealsOf(world().db, runKey)).length).toBe(seals)
})
