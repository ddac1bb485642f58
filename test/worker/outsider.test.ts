import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Warrant } from '../../src/contract/action.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { findRun } from '../../src/ledger/runs.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { newOrder } from '../support/orders.ts'
import { startRefund } from '../support/refunds.ts'
import { useWorld } from '../support/world.ts'
import type { Told } from './puppet.ts'
import { ledgerOf, type Puppet, startOfRefund, startPuppet } from './puppets.ts'

const world = useWorld()
const elsewhere = `strangers-${randomUUID()}`
let rogue: { readonly stop: () => Promise<void> } | undefined

beforeAll(async () => {
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') })
  const workflowsPath = join(import.meta.dirname, 'strangers.ts')
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') })
  const worker = await Worker.create({ connection, taskQueue: elsewhere, workflowBundle, shutdownGraceTime: 500 })
  const running = worker.run()
  rogue = {
    stop: async () => {
      worker.shutdown()
      await running
      await connection.close()
    },
  }
})
afterAll(() => rogue?.stop())

const stranger = (workflowId?: string): Promise<Puppet> =>
  startPuppet(world(), 'stranger', { taskQueue: elsewhere, ...(workflowId === undefined ? {} : { workflowId }) })
/** What a puppet on another task queue calls on ours. */
const ours = () => ({ taskQueue: world().taskQueue })

/** The activities of a finished refund as its history has them, and what it did. */
async function finishedRefund() {
  const { run, order } = await startRefund(world())
  await run.outcome()
  const scheduled = activitiesIn(await eventsOf(world().temporal, run))
  const call = scheduled.find(({ type }) => type === 'billing.refund')?.input as { readonly warrant: Warrant }
  return { run, order, call, runKey: call.warrant.runKey }
}

const standing = ['billing.refund-1: done', 'helpdesk.reply-1: done']
const outside = { ok: false, code: 'outside_workflow', final: true }

const standalone = (type: string, args: readonly unknown[], id = `outside-${randomUUID()}`): Promise<Told> => {
  const options = { id, taskQueue: world().taskQueue, startToCloseTimeout: '10 s', retry: { maximumAttempts: 2 } }
  return world()
    .temporal.activity.execute<unknown>(type, { ...options, args })
    .then(
      (result): Told => ({ ok: true, result }),
      (error: unknown): Told => {
        const { cause } = error as { cause?: { message?: string; nonRetryable?: boolean } }
        const final = cause?.nonRetryable === true
        return { ok: false, code: codeOf(error) ?? String(error), message: cause?.message ?? '', final }
      },
    )
}

test.concurrent('a workflow of a type that nobody registered moves no money with the warrant of another run', async () => {
  const { order, call, runKey } = await finishedRefund()
  const puppet = await stranger()
  const how = { id: call.warrant.step, ...ours() }
  expect(await puppet.call('billing.refund', call, how)).toMatchObject(outside)
  const own = { ...call, warrant: { ...call.warrant, runKey: puppet.runKey, workflowType: 'stranger' } }
  expect(await puppet.call('billing.refund', own, how)).toMatchObject(outside)
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await ledgerOf(world(), runKey)).toEqual(standing)
  expect(await ledgerOf(world(), puppet.runKey)).toEqual([])
})

test.concurrent('a workflow of a type that nobody registered undoes nothing', async () => {
  const { order, call, runKey } = await finishedRefund()
  const puppet = await stranger()
  const step = 'billing.refund-1.undo'
  const warrant = { ...call.warrant, kind: 'undo', step, undoes: 'billing.refund-1', why: 'cancelled', by: null }
  expect(await puppet.call('billing.refund.undo', { warrant }, { id: step, ...ours() })).toMatchObject(outside)
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await ledgerOf(world(), runKey)).toEqual(standing)
})

test.concurrent('a workflow of a type that nobody registered opens no run and reads, thinks, shows and recalls nothing', async () => {
  const order = await newOrder(world().databaseUrl)
  const puppet = await stranger()
  const { runKey } = puppet
  const asked = { runKey, step: 'one', input: { orderId: order.orderId } }
  for (const [type, argument] of [
    ['countersign.openRun', { runKey, start: startOfRefund(runKey.slice(0, runKey.lastIndexOf('/')), order) }],
    ['countersign.recall', { runKey, step: null }],
    ['billing.getOrder', asked],
    ['billing.refund.preview', asked],
    ['model.think', { ...asked, thought: 'refund.readClaim' }],
  ] as const) {
    expect(await puppet.call(type, argument, ours()), type).toMatchObject(outside)
  }
  expect(await findRun(world().db, runKey)).toBeUndefined()
})

test.concurrent('an activity type that nobody registered is refused for good, wherever it is called', async () => {
  const unknown = { ok: false, code: 'activity_unknown', final: true, message: expect.stringContaining('`shell.run`') }
  const puppet = await stranger()
  expect(await puppet.call('shell.run', { command: 'true' }, ours())).toMatchObject(unknown)
  expect(await standalone('shell.run', [{ command: 'true' }])).toMatchObject(unknown)
})

test.concurrent('a standalone activity moves no money, with the warrant of a run and under its step id', async () => {
  const { order, call, runKey } = await finishedRefund()
  expect(await standalone('billing.refund', [call])).toMatchObject(outside)
  const fresh = { ...call, warrant: { ...call.warrant, step: `step-${randomUUID()}` } }
  expect(await standalone('billing.refund', [fresh], fresh.warrant.step)).toMatchObject(outside)
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await ledgerOf(world(), runKey)).toEqual(standing)
})

test.concurrent('a standalone activity opens no run and reads, shows, recalls and undoes nothing', async () => {
  const { order, call, runKey } = await finishedRefund()
  const asked = { runKey, step: 'one', input: { orderId: order.orderId } }
  const step = 'billing.refund-1.undo'
  const warrant = { ...call.warrant, kind: 'undo', step, undoes: 'billing.refund-1', why: 'cancelled', by: null }
  for (const [type, argument] of [
    ['countersign.openRun', { runKey: 'alone/1', start: startOfRefund('alone', order) }],
    ['countersign.recall', { runKey, step: null }],
    ['billing.getOrder', asked],
    ['billing.refund.preview', asked],
    ['billing.refund.undo', { warrant }],
  ] as const) {
    expect(await standalone(type, [argument]), type).toMatchObject(outside)
  }
  expect(await findRun(world().db, 'alone/1')).toBeUndefined()
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await ledgerOf(world(), runKey)).toEqual(standing)
})

test.concurrent('a standalone write without a warrant is refused for good', async () => {
  const missing = { ok: false, code: 'warrant_missing', final: true }
  for (const args of [[{}], [{ input: {}, warrant: null }], [{ input: {}, warrant: 'yes' }]]) {
    expect(await standalone('billing.refund', args), JSON.stringify(args)).toMatchObject(missing)
  }
})
