import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { SAMPLE, type SampleOrder } from '../../activities/records/sample.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { KERNEL_VERSION } from '../../src/contract/wire.ts'
import { newOrder } from '../support/orders.ts'
import { query, until, useWorld } from '../support/world.ts'
import { whyNotRecord } from './record-rule.ts'

const world = useWorld()
const folder = join(import.meta.dirname, 'histories', KERNEL_VERSION)

beforeAll(async () => {
  const changelog = await readFile(join(import.meta.dirname, '..', '..', 'CHANGELOG.md'), 'utf8')
  const why = whyNotRecord({ version: KERNEL_VERSION, exists: existsSync(folder), changelog })
  if (why !== undefined) throw new Error(why)
  await mkdir(folder, { recursive: true })
  for (const old of await readdir(folder)) await rm(join(folder, old))
})

const start = (order: SampleOrder, message: string, playbook = 'refund_request'): Promise<RunHandle> =>
  world().client.start(
    playbook,
    { orderId: order.orderId, ticketId: order.ticketId, message },
    { principal: { subject: 'ana@acme.example', workspace: 'acme' }, workflowId: `refund-${randomUUID()}` },
  )

async function decide(run: RunHandle, decision: 'approve' | 'reject', by = 'ben@acme.example') {
  const { step, actionDigest } = await until('a question', async () => (await run.status()).pending[0])
  return await run.decide({ step, decision, by, comment: `${decision} it is`, actionDigest })
}

async function save(name: string, run: RunHandle, playbook = 'refund_request'): Promise<void> {
  const history = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
  const plain: unknown = JSON.parse(historyToJSON(history))
  const text = JSON.stringify(plain, (key, value: unknown) => (key === 'identity' ? '' : value))
  await writeFile(join(folder, `${playbook}.${name}.json`), `${text}\n`)
}

test('completed by itself', async () => {
  const run = await start(SAMPLE.small, 'The mug arrived broken, please refund $20.00.')
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await save('completed', run)
})

test('approved, after a refused attempt', async () => {
  const run = await start(SAMPLE.large, 'It arrived damaged. I want my $120.00 back.')
  expect(await decide(run, 'approve', 'ana@acme.example')).toMatchObject({ accepted: false })
  expect(await decide(run, 'approve')).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await save('approved', run)
})

test('refused by the policy', async () => {
  const run = await start(SAMPLE.fraud, 'This is fraud, I never bought it. Give me $35.00.')
  expect(await run.result()).toMatchObject({ state: 'refused' })
  await save('denied', run)
})

test('refused by an approver', async () => {
  const run = await start(SAMPLE.enterprise, 'It arrived damaged.')
  await decide(run, 'reject')
  expect(await run.result()).toMatchObject({ state: 'refused' })
  await save('rejected', run)
})

test('compensated after a failure', async () => {
  const run = await start(SAMPLE.closedTicket, 'It arrived damaged.')
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  await save('compensated', run)
})

test('undone inside the window', async () => {
  const run = await start(SAMPLE.undo, 'It arrived damaged.')
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await run.undo({ by: 'olga@acme.example' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  await save('undone', run)
})

test('escalated beyond the budget', async () => {
  const run = await start(SAMPLE.manyParcels, 'My parcel never arrived.')
  expect(await run.result()).toMatchObject({ state: 'escalated' })
  await save('over-budget', run)
})

test('failed on a bad request', async () => {
  const run = await world().client.start('refund_request', { orderId: 7 }, { principal: { subject: 'ana' } })
  expect(await run.result()).toMatchObject({ state: 'failed', because: { code: 'request_invalid' } })
  await save('bad-request', run)
})

test('cancelled while it waits', async () => {
  const run = await start({ ...SAMPLE.enterprise }, 'It arrived damaged, once more.')
  await until('a question', async () => (await run.status()).pending[0])
  await run.cancel()
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  await save('cancelled', run)
})

test('an incident, retried and then settled by hand', async () => {
  const order = { ...SAMPLE.small, orderId: 'ord_1009', ticketId: 'tkt_1009' }
  const [row] = (
    await query(
      world().databaseUrl,
      `SELECT o.id, p.id AS payment, t.id AS ticket FROM records.orders o
       JOIN records.customers c ON c.id = o.customer_id JOIN records.payments p ON p.order_id = o.id
       JOIN records.tickets t ON t.order_id = o.id
       WHERE c.tier <> 'enterprise' AND o.currency = 'USD' AND p.refunded_cents = 0 AND p.captured_cents >= 1000
         AND t.status = 'open' AND o.id > $1 LIMIT 1`,
      [order.orderId],
    )
  ).rows
  const run = await start(
    { ...order, orderId: String(row?.['id']), ticketId: String(row?.['ticket']) },
    'It arrived damaged, please refund $10.00.',
  )
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await query(world().databaseUrl, `UPDATE records.refunds SET settles_at = now() WHERE payment_id = $1`, [
    row?.['payment'],
  ])
  await run.undo({ by: 'olga@acme.example' })
  const incident = () => until('an incident', async () => (await run.status()).incidents[0])
  const { step } = await incident()
  await run.resolve({ step, resolution: 'retry', by: 'olga@acme.example' })
  await incident()
  await run.resolve({ step, resolution: 'settled', by: 'olga@acme.example', comment: 'wired back by hand' })
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  await save('incident', run)
})

test('reset after the refund', async () => {
  const [row] = (
    await query(
      world().databaseUrl,
      `SELECT o.id, t.id AS ticket FROM records.orders o
       JOIN records.customers c ON c.id = o.customer_id JOIN records.payments p ON p.order_id = o.id
       JOIN records.tickets t ON t.order_id = o.id
       WHERE c.tier <> 'enterprise' AND o.currency = 'USD' AND p.refunded_cents = 0
         AND p.captured_cents BETWEEN 1000 AND 4000 AND t.status = 'open' AND o.id > 'ord_1009' LIMIT 1 OFFSET 1`,
    )
  ).rows
  const run = await start(
    { ...SAMPLE.small, orderId: String(row?.['id']), ticketId: String(row?.['ticket']) },
    'It arrived damaged.',
  )
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  const { temporal } = world()
  const history = await temporal.workflow.getHandle(run.workflowId).fetchHistory()
  const first = history.events?.find((event) => event.workflowTaskCompletedEventAttributes)
  await temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run.workflowId },
    workflowTaskFinishEventId: first?.eventId ?? null,
    requestId: randomUUID(),
    reason: 'recorded for the replay tests',
  })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await save('reset', run)
})

test('a support request that a model settles', async () => {
  const run = await start(await newOrder(world().databaseUrl), 'My parcel never arrived.', 'support_request')
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await save('completed', run, 'support_request')
})

test('a support request whose refund somebody signs', async () => {
  const run = await start(
    await newOrder(world().databaseUrl, { amountCents: 9_000 }),
    'It arrived damaged.',
    'support_request',
  )
  await decide(run, 'approve')
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await save('approved', run, 'support_request')
})

test('a support request that is refused', async () => {
  const run = await start(await newOrder(world().databaseUrl), 'It was fraud, and broken.', 'support_request')
  expect(await run.result()).toMatchObject({ state: 'refused' })
  await save('denied', run, 'support_request')
})
