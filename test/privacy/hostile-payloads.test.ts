import { Client, Connection } from '@temporalio/client'
import type { Payload, PayloadCodec } from '@temporalio/common'
import { defaultPayloadConverter } from '@temporalio/common'
import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeOf } from '../../src/contract/failures.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { destroyDataKeys } from '../../src/ledger/data-keys.ts'
import { BOUND_MARK, encryptPayload, ENCRYPTED_ENCODING, KEY_MARK } from '../../src/privacy/codec.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { eventsOf, typesOf } from '../support/history.ts'
import { approvalOf, pendingOf, startMessageOf, startRefund } from '../support/refunds.ts'
import { newOrder } from '../support/orders.ts'
import { until, useWorld } from '../support/world.ts'
import { testMasterKeys } from './keys.ts'

const masterKeys = testMasterKeys()
const world = useWorld({ masterKeys })

let connection: Connection | undefined
beforeAll(async () => {
  connection = await Connection.connect({ address: inject('temporalAddress') })
})
afterAll(() => connection?.close())

const keys = () => ledgerDataKeys(world().db, masterKeys)
const text = new TextEncoder()

/** A client of Temporal that sends exactly these bytes, whatever it is asked to send. */
function sending(payload: Payload): Client {
  const codec: PayloadCodec = {
    encode: async (payloads) => payloads.map(() => payload),
    decode: async (payloads) => payloads,
  }
  return new Client({ connection: connection as Connection, dataConverter: { payloadCodecs: [codec] } })
}

const encrypted = (keyId: string, data: Uint8Array, bound = 'workflow'): Payload => ({
  metadata: {
    encoding: text.encode(ENCRYPTED_ENCODING),
    [KEY_MARK]: text.encode(keyId),
    [BOUND_MARK]: text.encode(bound),
  },
  data,
})

/** What nobody can decrypt where it is sent, by what is wrong with it. */
async function undecodable(workflowId: string): Promise<readonly Payload[]> {
  const value = defaultPayloadConverter.toPayload({ step: 'billing.refund-1', decision: 'approve' })
  const theirs = await keys().keyFor('default', `other-${randomUUID()}`)
  const elsewhere = await keys().keyFor('elsewhere', workflowId)
  const mine = await keys().keyFor('default', workflowId)
  const whole = encryptPayload(mine, value)
  const gone = `gone-${randomUUID()}`
  const erased = encryptPayload(await keys().keyFor('default', gone), value)
  await destroyDataKeys(world().db, { workflowId: gone }, 'a test')
  return [
    encryptPayload(theirs, value),
    encryptPayload(elsewhere, value),
    encrypted(mine.keyId, new Uint8Array()),
    encrypted(mine.keyId, (whole.data ?? new Uint8Array()).subarray(0, -1)),
    encrypted(mine.keyId, whole.data ?? new Uint8Array(), 'none'),
    encrypted(randomUUID(), whole.data ?? new Uint8Array()),
    encrypted('', new Uint8Array([1, 2, 3])),
    { metadata: { encoding: text.encode(ENCRYPTED_ENCODING) }, data: new Uint8Array(64) },
    erased,
  ]
}

const failedTasks = async (workflowId: string) =>
  typesOf(await eventsOf(world().temporal, world().client.run(workflowId))).filter((type) =>
    type.includes('TASK_FAILED'),
  )

test('signals and updates that nobody can decrypt are refused, wedge no run, and have nothing done', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  for (const payload of await undecodable(run.workflowId)) {
    const handle = sending(payload).workflow.getHandle(run.workflowId)
    await handle.signal(WIRE.signals.decide, 'x')
    await handle.signal(WIRE.signals.undo, 'x')
    const answered = await handle.executeUpdate(WIRE.updates.decide, { args: ['x'] }).then(
      () => 'answered',
      () => 'answered',
    )
    expect(answered).toBe('answered')
  }
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect((await run.status()).pending).toMatchObject([{ step: pending.step, actionDigest: pending.actionDigest }])
  expect(await failedTasks(run.workflowId)).toEqual([])
  await run.decide(approvalOf(pending))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
})

test('a start that nobody can decrypt, or that was copied from another run, is refused, and does nothing', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(run)
  const [started] = (await eventsOf(world().temporal, run)).flatMap(
    ({ workflowExecutionStartedEventAttributes: at }) => at?.input?.payloads ?? [],
  )
  const id = `refund-${randomUUID()}`
  for (const payload of [started as Payload, ...(await undecodable(id))]) {
    const workflowId = `${id}-${randomUUID()}`
    const taskQueue = world().taskQueue
    await sending(payload).workflow.start('refund_request', { workflowId, taskQueue, args: ['x'] })
    expect(await world().client.run(workflowId).result()).toMatchObject({
      state: 'failed',
      because: { code: 'statement_missing' },
    })
    expect(await failedTasks(workflowId)).toEqual([])
  }
  expect(await world().refunded(order.paymentId)).toBe(0)
  await run.cancel()
})

test('a start in the clear, as any other client sends it, is taken, and what comes of it is encrypted', async () => {
  const order = await newOrder(world().databaseUrl, { amountCents: 2_000 })
  const workflowId = `refund-${randomUUID()}`
  const request = {
    orderId: order.orderId,
    ticketId: order.ticketId,
    message: 'It arrived broken, please refund $20.00.',
  }
  const plain = new Client({ connection: connection as Connection })
  const args = [startMessageOf(workflowId, request)]
  await plain.workflow.start('refund_request', { workflowId, taskQueue: world().taskQueue, args })
  expect(await world().client.run(workflowId).outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(2_000)
  const results = (await eventsOf(world().temporal, world().client.run(workflowId))).flatMap(
    ({ activityTaskCompletedEventAttributes: done }) => done?.result?.payloads ?? [],
  )
  expect(results.length).toBeGreaterThan(0)
  for (const { metadata } of results)
    expect(Buffer.from(metadata?.['encoding'] ?? []).toString()).toBe(ENCRYPTED_ENCODING)
})

test('while the master keys are away nothing starts and nothing is done; then all goes on, on the same worker', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  const orderOfNobody = await newOrder(world().databaseUrl, { amountCents: 2_000 })
  // A start that the worker has to find the key of: sent by a client in the clear, so that it gets there.
  const workflowId = `refund-${randomUUID()}`
  const request = {
    orderId: orderOfNobody.orderId,
    ticketId: orderOfNobody.ticketId,
    message: 'It arrived broken, please refund $20.00.',
  }
  masterKeys.setAway(true)
  const plain = new Client({ connection: connection as Connection })
  const args = [startMessageOf(workflowId, request)]
  await plain.workflow.start('refund_request', { workflowId, taskQueue: world().taskQueue, args })
  await expect(startRefund(world())).rejects.toSatisfy((error) => codeOf(error) === 'keys_unavailable')
  await until('a task or an attempt that failed for want of a key', async () => {
    const { raw } = await plain.workflow.getHandle(workflowId).describe()
    const attempts = [
      raw.pendingWorkflowTask?.attempt ?? 0,
      ...(raw.pendingActivities ?? []).map(({ attempt }) => Number(attempt)),
    ]
    const failed = await failedTasks(workflowId)
    return attempts.some((attempt) => attempt > 1) || failed.length > 0 ? true : undefined
  })
  expect(await world().refunded(orderOfNobody.paymentId)).toBe(0)
  masterKeys.setAway(false)
  expect(await world().client.run(workflowId).outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(orderOfNobody.paymentId)).toBe(2_000)
  await run.decide(approvalOf(pending))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
})
