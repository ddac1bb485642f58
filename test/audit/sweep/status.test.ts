import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { sealStatus } from '../../../src/audit/sealing/status.ts'
import type { Signer } from '../../../src/audit/seal/signer.ts'
import { statusLines } from '../../../src/cli/seal-status-text.ts'
import { lookAtSeals } from '../../../src/cli/doctor/seals.ts'
import { startRefund } from '../../support/refunds.ts'
import { query, useWorld } from '../../support/world.ts'
import { newSealKey, signerWith } from '../seal/log-of.ts'
import { runKeyIn } from '../seal/runs.ts'
import { sweepOnce, untilClosed } from './sweeps.ts'

const HOUR = 3_600_000
const world = useWorld()
let signer: Signer
beforeAll(async () => {
  signer = await signerWith(newSealKey())
})

const swept = () => ({ client: world().temporal, db: world().db, namespace: 'default', taskQueue: world().taskQueue })
const inTwoHours = () => new Date(Date.now() + 2 * HOUR)

let closed = 0
async function overRun() {
  const { run } = await startRefund(world())
  await run.outcome()
  await world().temporal.workflow.getHandle(run.workflowId).terminate('over')
  closed += 1
  await untilClosed(world(), closed)
  return run
}

test('what is over is missing until it is sealed, and too late after a while; no sweeper is needed to find that', async () => {
  const run = await overRun()
  const early = await sealStatus(swept(), HOUR)
  expect(early).toMatchObject({
    isGood: true,
    closed: 1,
    missingRuns: 1,
    runs: { due: 1, sealed: 0 },
    last: { beganAt: null },
  })
  const late = await sealStatus(swept(), HOUR, inTwoHours())
  expect(late).toMatchObject({ isGood: false, oldest: { runKey: await runKeyIn(world(), run) } })
  expect(statusLines(late).join('\n')).toMatch(
    /^runs +1 closed, 0 of them sealed[^]*\nmissing +1, the oldest for (119 min|2 h)\n/,
  )
  expect(await lookAtSeals(world().db, 'default', world().taskQueue)).toMatchObject({
    state: 'warn',
    what: 'nothing seals runs that are over',
  })
  await sweepOnce(world(), signer)
  expect(await sealStatus(swept(), HOUR, inTwoHours())).toMatchObject({
    isGood: true,
    missingRuns: 0,
    oldest: null,
    runs: { sealed: 1 },
    log: { size: 1, checkpoint: { size: 1 } },
  })
})

test('a run that the ledger has not is sealed and told of', async () => {
  // With no statement no worker opens it.
  await world().temporal.workflow.start('refund_request', {
    taskQueue: world().taskQueue,
    workflowId: `bare-${randomUUID()}`,
    args: [{}],
  })
  closed += 1
  await untilClosed(world(), closed)
  await sweepOnce(world(), signer)
  expect(await sealStatus(swept(), HOUR)).toMatchObject({ unknownToLedger: 1, missingRuns: 0, runs: { sealed: 2 } })
})

test('what Temporal has lost before it was sealed stays missing; what was lost before there was a sweep is only told of', async () => {
  const add = (key: string, at: string) =>
    query(
      world().databaseUrl,
      `INSERT INTO countersign.sweep_runs (run_key, namespace, workflow_id, state, closed_at, due_since)
       VALUES ('${key}', 'default', 'lost', 'due', ${at}, ${at})`,
    )
  const [before, since] = [`lost/${randomUUID()}`, `lost/${randomUUID()}`]
  await add(before, "now() - interval '3 days'")
  await add(since, 'now()')
  await sweepOnce(world(), signer)
  const status = await sealStatus(swept(), HOUR, inTwoHours())
  expect(status).toMatchObject({ isGood: false, goneBefore: 1, missingRuns: 1, runs: { gone: 2 } })
  expect(status.missing.map(({ runKey }) => runKey)).toEqual([since])
  await query(world().databaseUrl, `DELETE FROM countersign.sweep_runs WHERE workflow_id = 'lost'`)
})

test('a run of which Temporal tells otherwise than was sealed is an incident until it does so no more', async () => {
  const run = await overRun()
  await sweepOnce(world(), signer)
  const runKey = await runKeyIn(world(), run)
  const history = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
  const [started] = history.events ?? []
  if (!started?.workflowExecutionStartedEventAttributes) throw new Error('it has no start')
  started.workflowExecutionStartedEventAttributes.identity = 'somebody else'
  const getHandle = () => ({ fetchHistory: async () => history })
  const lying = new Proxy(world().temporal, {
    get: (target, name) =>
      name === 'workflow'
        ? Object.assign(Object.create(target.workflow), { getHandle })
        : (Reflect.get(target, name) as unknown),
  })
  const look = () =>
    query(
      world().databaseUrl,
      `UPDATE countersign.sweep_runs SET state = CASE state WHEN 'sealed' THEN 'due' ELSE state END, next_at = now() WHERE run_key = '${runKey}'`,
    )
  await look()
  expect(await sweepOnce(world(), signer, { client: lying })).toMatchObject({ altered: 1 })
  const status = await sealStatus(swept(), HOUR)
  expect([status.isGood, status.altered.map((one) => one.runKey)]).toEqual([false, [runKey]])
  expect(statusLines(status).join('\n')).toContain(`${runKey}: Temporal now tells otherwise of what was sealed`)
  expect(await lookAtSeals(world().db, 'default', world().taskQueue)).toMatchObject({ state: 'FAIL' })
  await look()
  await sweepOnce(world(), signer)
  expect((await sealStatus(swept(), HOUR)).isGood).toBe(true)
})
