import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { codecCallsSince } from '../../src/ledger/codec-calls.ts'
import { destroyDataKeys } from '../../src/ledger/data-keys.ts'
import { newOrder } from '../support/orders.ts'
import { until } from '../support/world.ts'
import { useProtectedWorld } from './protected-world.ts'
import { foundIn, historyBytes } from './searched.ts'

/* A service and a person, each with a connection to Temporal, a gateway and a token, and none to the database. */

const here = useProtectedWorld()

const word = () => `pl${randomUUID().replaceAll('-', '')}`

async function started() {
  const { world, clientOf } = here()
  const order = await newOrder(world.databaseUrl, { amountCents: 12_000 })
  const planted = { request: word(), comment: word() }
  const message = `It arrived broken, please refund $120.00. I am ${planted.request}.`
  const request = { orderId: order.orderId, ticketId: order.ticketId, message }
  const service = await clientOf('service')
  const run = await service.client.start('refund_request', request, {
    principal: { workspace: 'acme' },
    workflowId: `own-${randomUUID()}`,
  })
  return { order, planted, run, service }
}
const asked = (run: RunHandle) => until(`a question of ${run.workflowId}`, async () => (await run.status()).pending[0])

test('a service starts a run and reads its outcome, a person approves it, and nothing of that is in the clear', async () => {
  const { world, clientOf } = here()
  const { order, planted, run } = await started()
  const ben = (await clientOf('ben')).client.run(run.workflowId)
  const { step, actionDigest } = await asked(ben)
  expect(await world.refunded(order.paymentId)).toBe(0)
  const answer = await ben.decide({ step, actionDigest, decision: 'approve', comment: planted.comment })
  expect(answer).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world.refunded(order.paymentId)).toBe(12_000)
  const found = foundIn(await historyBytes(world, run.workflowId), { ...planted, order: order.orderId })
  expect(found).toEqual([])
  // By the same key as the worker has.
  const calls = (await codecCallsSince(world.db, '0')).filter(({ kind }) => kind === 'data_key')
  expect(new Set(calls.flatMap(({ keys }) => keys.map(({ key }) => key))).size).toBe(1)
  expect(new Set(calls.map(({ who }) => who?.subject))).toEqual(new Set(['acme:refund-service', 'ben@acme.example']))
}, 60_000)

test.each([
  ['dora', 'scope_missing'],
  ['otto', 'workspace_refused'],
] as const)(
  '%s gets no key, and can neither read nor decide',
  async (name, code) => {
    const { world, clientOf } = here()
    const { order, run } = await started()
    const ben = (await clientOf('ben')).client.run(run.workflowId)
    const { step, actionDigest } = await asked(ben)
    const theirs = (await clientOf(name)).client.run(run.workflowId)
    await expect(theirs.status().catch((error: unknown) => codeOf(error))).resolves.toBe(code)
    const decided = theirs.decide({ step, actionDigest, decision: 'approve', comment: '' })
    await expect(decided.catch((error: unknown) => codeOf(error))).resolves.toBe(code)
    expect(await world.refunded(order.paymentId)).toBe(0)
    const refused = (await codecCallsSince(world.db, '0')).filter(({ refused: why }) => why !== null)
    expect(refused.at(-1)).toMatchObject({ kind: 'data_key', refused: { code }, keys: [], passed: 0 })
    expect(await ben.decide({ step, actionDigest, decision: 'reject', comment: '' })).toMatchObject({ accepted: true })
  },
  60_000,
)

test('of a key that was destroyed nothing is at hand any more, two seconds later', async () => {
  const { world } = here()
  const { run, service } = await started()
  await asked(run)
  await destroyDataKeys(world.db, { workflowId: run.workflowId }, 'asked for')
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const handle = service.temporal.workflow.getHandle(run.workflowId)
  const { events = [] } = await handle.fetchHistory()
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? []
  const [codec] = service.temporal.options.loadedDataConverter.payloadCodecs
  const decoded = codec?.decode([payload as never]).then(
    () => 'decoded',
    (error: unknown) => codeOf(error),
  )
  await expect(decoded).resolves.toBe('payload_erased')
  await handle.terminate('the test is over')
}, 60_000)
