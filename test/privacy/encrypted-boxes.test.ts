import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { replayable } from '../../src/audit/in-full.ts'
import { replayHistory } from '../../src/audit/replay.ts'
import { reconcileId } from '../../src/audit/sweep.ts'
import { ENCRYPTED_ENCODING } from '../../src/privacy/codec.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { bundleForReplay } from '../../src/worker/bundle.ts'
import { eventsOf, executionsOf, reset, workflowTasksIn } from '../support/history.ts'
import { useOwnServer } from '../support/own-server.ts'
import { BOX_WORKFLOWS, newItem, useBoxes } from '../kernel/box-world.ts'
import { HOSTILE_WORKFLOWS, useHostile } from '../kernel/hostile-world.ts'
import { testMasterKeys } from './keys.ts'
import { foundIn, historyBytes, ledgerBytes } from './searched.ts'

const address = useOwnServer(['limit.historyCount.suggestContinueAsNew=60'])
const masterKeys = testMasterKeys()
const { boxes, start, world } = useBoxes({ address, masterKeys })
const hostileKeys = testMasterKeys()
const hostile = useHostile({ masterKeys: hostileKeys })

const acts = (item: string, count: number, tool = 'put') =>
  Array.from({ length: count }, (_, at) => ({ tool, item: `${item}/${at}` }))

test('a run goes on in other executions, each encrypted, does each step once, and agrees with the ledger', async () => {
  const item = newItem()
  const run = await start('chain', { acts: acts(item, 40) })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { done: 40 } })
  expect(await executionsOf(world().temporal, run)).toBeGreaterThanOrEqual(3)
  for (const { item: one } of acts(item, 40)) expect([one, boxes.held(one)]).toEqual([one, 1])
  expect(foundIn(await historyBytes(world(), run.workflowId), { item })).toEqual([])
  const keys = ledgerDataKeys(world().db, masterKeys)
  const sides = { client: world().temporal, db: world().db, keys }
  expect(await reconcileId(sides, run.workflowId)).toMatchObject([{ findings: [], isErased: false }])
  await expect(reconcileId({ ...sides, keys: undefined }, run.workflowId)).rejects.toThrow('no master keys')
})

test('a run that is reset finds in the ledger, encrypted, what it did', async () => {
  const item = newItem()
  const run = await start('chain', { acts: acts(item, 3) })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  const [first = 0] = workflowTasksIn(await eventsOf(world().temporal, run))
  await reset(world().temporal, run, first)
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { done: 3 } })
  for (const { item: one } of acts(item, 3)) expect([one, boxes.held(one)]).toEqual([one, 1])
})

test('messages and stacks of what tools and playbooks throw stand nowhere in the clear, and the client reads them', async () => {
  const item = newItem()
  boxes.script(`${item}/0`, 'throw before', 'ok')
  boxes.script(`${item}/1`, 'refuse')
  const run = await start('chain', { acts: acts(item, 2) })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'precondition_failed', message: expect.stringContaining(`${item}/1`) },
  })
  expect(boxes.held(`${item}/0`)).toBe(0)
  const thrown = await start('chain', { acts: acts(`${item}b`, 1), finally: 'throw' })
  expect(await thrown.result()).toMatchObject({
    state: 'reverted',
    because: { message: expect.stringContaining('boom') },
  })
  const planted = {
    item,
    message: 'the line went dead',
    refusal: 'cannot be done',
    stacks: 'playbooks.ts',
    tools: 'boxes.ts',
  }
  for (const { workflowId } of [run, thrown])
    expect(foundIn(await historyBytes(world(), workflowId), planted)).toEqual([])
  // What Temporal itself needs stays to be seen: the code.
  expect(foundIn(await historyBytes(world(), run.workflowId), { code: 'precondition_failed' })).toEqual(['code'])
})

test('what is too large for a history is kept encrypted beside it, with its key, and comes back', async () => {
  const item = newItem()
  const run = await hostile.start('bulk', { item, does: 'read side by side', count: 16, size: 200_000 })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { done: 16 } })
  const { db, temporal } = hostile.world()
  const blobs = await db.selectFrom('countersign.blobs').selectAll().execute()
  expect(blobs.length).toBeGreaterThan(0)
  const { keyId } = await ledgerDataKeys(db, hostileKeys).keyFor('default', run.workflowId)
  for (const { content, key_id } of blobs) {
    expect(key_id).toBe(keyId)
    expect(content.includes(ENCRYPTED_ENCODING)).toBe(true)
    expect(foundIn(content, { item, filler: 'x'.repeat(40) })).toEqual([])
  }
  const sides = { client: temporal, db, keys: ledgerDataKeys(db, hostileKeys) }
  expect(await reconcileId(sides, run.workflowId)).toMatchObject([{ findings: [] }])
})

test('keys are wrapped anew while runs go on, twice, and every run ends as it should, also for a worker that only has the last one', async () => {
  const items = Array.from({ length: 20 }, newItem)
  const runs = await Promise.all(items.map((item) => start('chain', { acts: acts(item, 6) })))
  const ended = Promise.all(runs.map((run) => run.outcome()))
  const keys = ledgerDataKeys(world().db, masterKeys)
  for (let round = 0; round < 2; round += 1) {
    masterKeys.rotate()
    await keys.rewrap()
  }
  for (const outcome of await ended) expect(outcome).toMatchObject({ state: 'completed', outcome: { done: 6 } })
  for (const { item } of items.flatMap((one) => acts(one, 6))) expect([item, boxes.held(item)]).toEqual([item, 1])
  // Made by a process that had the one before as current, meanwhile.
  expect(await keys.rewrap()).toMatchObject({ left: 0 })
  masterKeys.forget()
  const fresh = ledgerDataKeys(world().db, masterKeys)
  for (const { workflowId } of runs) expect(await fresh.keyFor('default', workflowId)).toMatchObject({ workflowId })
  const sides = { client: world().temporal, db: world().db, keys: fresh }
  expect(await reconcileId(sides, runs[0]?.workflowId ?? '')).toMatchObject([{ findings: [] }])
  // A worker that has nothing at hand replays them.
  await world().worker.stop()
  await world().startWorker()
  for (const run of runs.slice(0, 5)) expect(await run.status()).toMatchObject({ state: 'completed' })
  const { rows } = await sql<{
    n: string
  }>`SELECT count(DISTINCT master_key_id) AS n FROM countersign.data_keys`.execute(world().db)
  expect(rows).toEqual([{ n: '1' }])
})

test('an encrypted history is replayed, also where much of it is kept beside it, and the code says what it says', async () => {
  const item = newItem()
  const run = await start('chain', { acts: acts(item, 2) })
  await run.outcome()
  const big = await hostile.start('bulk', { item, does: 'act side by side', count: 12, size: 200_000 })
  await big.outcome()
  for (const [one, workflows, { db, temporal }, master] of [
    [run, BOX_WORKFLOWS, world(), masterKeys],
    [big, HOSTILE_WORKFLOWS, hostile.world(), hostileKeys],
  ] as const) {
    const history = await temporal.workflow.getHandle(one.workflowId).fetchHistory()
    const bundle = await bundleForReplay(workflows)
    const full = await replayable(history, db, ledgerDataKeys(db, master))
    const { compared, differences } = await replayHistory(bundle, full)
    expect(differences).toEqual([])
    expect(compared.activity).toBeGreaterThanOrEqual(2)
    await expect(replayable(history, db)).rejects.toThrow('no master keys')
  }
})

test('no item that was ever put stands in any table of the ledger', async () => {
  const item = newItem()
  const run = await start('chain', { acts: acts(item, 2) })
  await run.outcome()
  const tables = [...(await ledgerBytes(world().db))]
  expect(tables.filter(([, bytes]) => foundIn(bytes, { item }).length > 0).map(([name]) => name)).toEqual([])
})
