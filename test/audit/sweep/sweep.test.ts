import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { sealsOf } from '../../../src/audit/seal/log.ts'
import type { Signer } from '../../../src/audit/seal/signer.ts'
import { approvalOf, pendingOf, startRefund } from '../../support/refunds.ts'
import { reset, workflowTasksIn } from '../../support/history.ts'
import { query, until, useWorld } from '../../support/world.ts'
import { newSealKey, signerWith } from '../seal/log-of.ts'
import { runKeyIn } from '../seal/runs.ts'
import { isAnyTwice, leavesIn, standingOf, sweepOnce, untilClosed } from './sweeps.ts'

const world = useWorld()
let signer: Signer
/** Closed executions so far. */
let closed = 0
beforeAll(async () => {
  signer = await signerWith(newSealKey())
})

async function rejectedRun() {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide({ ...approvalOf(await pendingOf(run)), decision: 'reject', comment: 'no photo' })
  await run.result()
  closed += 1
  return run
}

test('what has closed is sealed once, however it ended; what is open is not, and nothing is read again', async () => {
  const rejected = await rejectedRun()
  const terminated = await startRefund(world())
  await terminated.run.outcome()
  await world().temporal.workflow.getHandle(terminated.run.workflowId).terminate('the pod was drained')
  const timedOut = await world().temporal.workflow.start('refund_request', {
    taskQueue: world().taskQueue,
    workflowId: `late-${randomUUID()}`,
    args: [{}],
    workflowExecutionTimeout: 1,
    startDelay: 5_000,
  })
  const { run: waiting } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(waiting)
  closed += 2
  await untilClosed(world(), closed)
  expect(await sweepOnce(world(), signer, { of: 3 })).toMatchObject({ sealed: closed, failed: 0 })
  const leaves = await leavesIn(world().databaseUrl)
  const keys = await Promise.all([rejected, terminated.run, timedOut].map((run) => runKeyIn(world(), run)))
  expect([...leaves.keys()].toSorted()).toEqual(keys.toSorted())
  expect(await sealsOf(world().db, await runKeyIn(world(), waiting))).toEqual([])
  const asked: string[] = []
  const client = new Proxy(world().temporal, {
    get(target, name) {
      if (name === 'workflowService') asked.push('a history')
      return Reflect.get(target, name) as unknown
    },
  })
  expect(await sweepOnce(world(), signer, { client })).toMatchObject({ sealed: 0, already: 0 })
  expect(asked).toEqual([])
  const { rows } = await query(world().databaseUrl, 'SELECT count(DISTINCT run_key) AS n FROM countersign.outbox')
  expect(Number(rows[0]?.['n'])).toBeGreaterThan(0)
  await waiting.cancel()
  await waiting.result()
  closed += 1
})

test('a run that was reset after it was sealed gets one further seal, once it is over again', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide(approvalOf(await pendingOf(run)))
  await run.outcome()
  const runKey = await runKeyIn(world(), run)
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  const { runId } = await handle.describe()
  await reset(world().temporal, run, workflowTasksIn((await handle.fetchHistory()).events ?? []).at(-2) ?? 0, runId)
  closed += 1
  await untilClosed(world(), closed)
  // What the reset ended is over, and would be gone first: it is sealed though the run goes on.
  await sweepOnce(world(), signer)
  const first = await sealsOf(world().db, runKey)
  expect(first).toHaveLength(1)
  await until('the run after the reset', async () => ((await handle.describe()).runId === runId ? undefined : true))
  await handle.terminate('over')
  closed += 1
  await untilClosed(world(), closed)
  await sweepOnce(world(), signer)
  const seals = await sealsOf(world().db, runKey)
  expect(seals.map(({ before }) => before)).toEqual([null, first[0]?.index])
  expect(isAnyTwice(await leavesIn(world().databaseUrl))).toBe(false)
})

test('a run that closes while it is swept is sealed as it ended, by that sweep or the next', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(run)
  const runKey = await runKeyIn(world(), run)
  const before = await rejectedRun()
  await untilClosed(world(), closed)
  // Between the look and the seals, and again while they are made.
  let ended = false
  const late: Signer = {
    ...signer,
    async seal(payload) {
      if (!ended) await run.cancel()
      ended = true
      return await signer.seal(payload)
    },
  }
  await sweepOnce(world(), late)
  await run.result()
  closed += 1
  await untilClosed(world(), closed)
  await sweepOnce(world(), signer)
  expect((await sealsOf(world().db, runKey)).map(({ state }) => state)).not.toContain('running')
  const standing = await standingOf(world().databaseUrl)
  expect([standing[runKey], standing[await runKeyIn(world(), before)]]).toEqual(['sealed', 'sealed'])
})

test('a run that cannot be sealed keeps no other from it, and is tried again later', async () => {
  const [one, other] = [await rejectedRun(), await rejectedRun()]
  const [poisoned, sound] = [await runKeyIn(world(), one), await runKeyIn(world(), other)]
  await untilClosed(world(), closed)
  const picky: Signer = {
    ...signer,
    seal: (payload) =>
      Buffer.from(payload).toString().includes(`"name":"${poisoned}"`)
        ? Promise.reject(new Error('such a seal is refused'))
        : signer.seal(payload),
  }
  const told: string[] = []
  const counts = await sweepOnce(world(), picky, { told: (runKey, came, why) => told.push(`${runKey} ${came} ${why}`) })
  expect(counts).toMatchObject({ sealed: 1, failed: 1 })
  expect(told).toContain(`${poisoned} failed such a seal is refused`)
  expect([await sealsOf(world().db, sound), await sealsOf(world().db, poisoned)].map(({ length }) => length)).toEqual([
    1, 0,
  ])
  await query(world().databaseUrl, 'UPDATE countersign.sweep_runs SET next_at = now()')
  await sweepOnce(world(), signer)
  expect(await sealsOf(world().db, poisoned)).toHaveLength(1)
})

test('where the signer is away the sweep stops, and blames no run', async () => {
  const run = await rejectedRun()
  await untilClosed(world(), closed)
  const away = { ...signer, seal: () => Promise.reject(new Error('the signer did not answer')) }
  const isUp = () => Promise.reject(new Error('the signer is away'))
  await expect(sweepOnce(world(), away, { isUp })).rejects.toThrow('the signer is away')
  const { rows } = await query(
    world().databaseUrl,
    "SELECT run_key, attempts FROM countersign.sweep_runs WHERE state = 'due'",
  )
  expect(rows).toEqual([{ run_key: await runKeyIn(world(), run), attempts: 0 }])
  expect(await sweepOnce(world(), signer)).toMatchObject({ sealed: 1 })
})

test('several sweeps at once seal nothing twice', async () => {
  const runs = await Promise.all([1, 2, 3, 4].map(() => rejectedRun()))
  await untilClosed(world(), closed)
  await Promise.all([1, 2, 3].map(() => sweepOnce(world(), signer, { of: 2 })))
  const leaves = await leavesIn(world().databaseUrl)
  for (const run of runs) expect(leaves.get(await runKeyIn(world(), run))).toHaveLength(1)
  expect(isAnyTwice(leaves)).toBe(false)
})

test('a run of the ledger that visibility does not tell of is found, sealed where Temporal has it, and missing where it has not', async () => {
  const run = await rejectedRun()
  await untilClosed(world(), closed)
  const blind = new Proxy(world().temporal, {
    get: (target, name) =>
      name === 'workflow'
        ? Object.assign(Object.create(target.workflow), { list: async function* () {} })
        : (Reflect.get(target, name) as unknown),
  })
  const swept = { db: world().db, namespace: 'default', taskQueue: world().taskQueue, client: blind }
  const { gather } = await import('../../../src/audit/sealing/gather.ts')
  await gather(swept)
  const runKey = await runKeyIn(world(), run)
  const nobody = `nobody/${randomUUID()}`
  await query(
    world().databaseUrl,
    `INSERT INTO countersign.sweep_runs (run_key, namespace, workflow_id, state) VALUES ('${nobody}', 'default', 'nobody', 'open')`,
  )
  await query(world().databaseUrl, 'UPDATE countersign.sweep_runs SET next_at = now()')
  await sweepOnce(world(), signer, { client: blind })
  const standing = await standingOf(world().databaseUrl)
  expect([standing[runKey], standing[nobody]]).toEqual(['sealed', 'gone'])
})
