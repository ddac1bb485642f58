import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { approvalOf, pendingOf, startRefund } from '../support/refunds.ts'
import { useOwnServer } from '../support/own-server.ts'
import { startWorld, until, type World } from '../support/world.ts'
import { testMasterKeys } from './keys.ts'
import { fileBytes, foundIn, historyBytes, ledgerBytes, type Planted } from './searched.ts'

const dirs = { plain: mkdtempSync(join(tmpdir(), 'plain-')), encrypted: mkdtempSync(join(tmpdir(), 'encrypted-')) }
const dbFiles = { plain: join(dirs.plain, 'temporal.db'), encrypted: join(dirs.encrypted, 'temporal.db') }
const addresses = {
  plain: useOwnServer([], { dbFile: dbFiles.plain }),
  encrypted: useOwnServer([], { dbFile: dbFiles.encrypted }),
}

const worlds: { [K in keyof typeof addresses]?: World } = {}
beforeAll(async () => {
  worlds.plain = await startWorld({ address: addresses.plain })
  worlds.encrypted = await startWorld({ address: addresses.encrypted, masterKeys: testMasterKeys() })
})
afterAll(async () => {
  await Promise.all(Object.values(worlds).map((world) => world.stop()))
})

/** A refund that is approved and undone; with what was planted in it. */
async function approvedAndUndone(world: World): Promise<{ readonly planted: Planted; readonly workflowId: string }> {
  const word = () => `pl${randomUUID().replaceAll('-', '')}`
  const planted = { request: word(), refused: word(), approval: word(), undo: word() }
  const { run, order } = await startRefund(world, {
    amountCents: 12_000,
    message: `It arrived broken, please refund $120.00. I am ${planted.request}.`,
  })
  const pending = await pendingOf(run)
  const refused = await run.decide({ ...approvalOf(pending, 'ana@acme.example'), comment: planted.refused })
  expect(refused).toMatchObject({ accepted: false, code: 'decision_by_requester' })
  await run.decide({ ...approvalOf(pending), comment: planted.approval })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world.refunded(order.paymentId)).toBe(12_000)
  const undone = await run.undo({ comment: planted.undo, by: 'olga@acme.example' })
  expect(undone).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  expect(await world.refunded(order.paymentId)).toBe(0)
  return {
    planted: { ...planted, order: order.orderId, ticket: order.ticketId, customer: order.customerId },
    workflowId: run.workflowId,
  }
}

const inLedger = async (world: World, planted: Planted) =>
  [...(await ledgerBytes(world.db))].flatMap(([table, bytes]) =>
    foundIn(bytes, planted).map((where) => `${table}: ${where}`),
  )

test('a whole run with approval and undo leaves nothing in the clear: not in its history, in the file of the server, or in the ledger', async () => {
  const world = worlds.encrypted as World
  const { planted, workflowId } = await approvedAndUndone(world)
  expect(foundIn(await historyBytes(world, workflowId), planted)).toEqual([])
  expect(await inLedger(world, planted)).toEqual([])
  // The server writes what it lists a little later.
  await until('the run in visibility', async () =>
    (await world.client.list()).some((one) => one.workflowId === workflowId) ? true : undefined,
  )
  const file = await fileBytes(dbFiles.encrypted)
  expect(file.includes(Buffer.from(workflowId) as never)).toBe(true)
  expect(foundIn(file, planted)).toEqual([])
  expect(await world.client.run(workflowId).status()).toMatchObject({ state: 'reverted' })
})

test('without keys the same search finds them all', async () => {
  const world = worlds.plain as World
  const { planted, workflowId } = await approvedAndUndone(world)
  expect(foundIn(await historyBytes(world, workflowId), planted)).toEqual(Object.keys(planted))
  expect(foundIn(await fileBytes(dbFiles.plain), planted)).toEqual(Object.keys(planted))
  expect(await inLedger(world, planted)).toEqual(expect.arrayContaining(['effects: order', 'effects: ticket']))
})
