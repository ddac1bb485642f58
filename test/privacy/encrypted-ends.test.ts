import { randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { sampleThoughts } from '../../activities/index.ts'
import { fixedSummaries } from '../../src/contract/summaries.ts'
import { refundRequest } from '../../workflows/refund-request.ts'
import { supportRequest } from '../../workflows/support-request.ts'
import { failureOf } from '../../src/contract/failures.ts'
import { countDataKeys, destroyDataKeys } from '../../src/ledger/data-keys.ts'
import { type DataKey, ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { masterKeysFile, withNewMasterKey } from '../../src/privacy/master-keys.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { inBackground } from '../cli/cli.ts'
import { type ObedientEndpoint, obedientEndpoint } from '../injection/obedient-endpoint.ts'
import { newOrder } from '../support/orders.ts'
import { approvalOf, pendingOf, REQUESTER, startRefund } from '../support/refunds.ts'
import { query, startWorld, until, type World } from '../support/world.ts'
import { foundIn, historyBytes, ledgerBytes, type Planted } from './searched.ts'

const file = join(mkdtempSync(join(tmpdir(), 'countersign-ends-')), 'master-keys.json')
const first = withNewMasterKey(undefined)
let world: World
/** Where a model answers. */
let models: World
let endpoint: ObedientEndpoint
beforeAll(async () => {
  writeFileSync(file, JSON.stringify(first))
  endpoint = await obedientEndpoint()
  world = await startWorld({ masterKeys: masterKeysFile(file) })
  models = await startWorld({
    masterKeys: masterKeysFile(file),
    thinker: createThinker({ models: endpoint.models, deterministic: sampleThoughts, env: {} }),
  })
})
afterAll(async () => {
  await world.stop()
  await models.stop()
  await endpoint.stop()
})

const word = () => `pl${randomUUID().replaceAll('-', '')}`
const saying = (planted: string) => `It arrived broken, please refund $120.00. I am ${planted}.`

/** Where a planted value stands in the clear: in the history, or in a table. */
async function inTheClear(planted: Planted, workflowId: string, { db } = world): Promise<readonly string[]> {
  const tables = [...(await ledgerBytes(db))].flatMap(([table, bytes]) =>
    foundIn(bytes, planted).map((where) => `${table}: ${where}`),
  )
  return [...foundIn(await historyBytes(world, workflowId), planted), ...tables]
}

const supported = async (planted: string, answer: string) => {
  const order = await newOrder(models.databaseUrl)
  const body = JSON.stringify({ body: answer })
  endpoint.obey(order.orderId, [
    { tool: 'helpdesk.reply', input: body, summary: `tell ${planted}` },
    { tool: null, input: '{}', summary: `told ${planted}` },
  ])
  const request = { orderId: order.orderId, ticketId: order.ticketId, message: `Where is it? I am ${planted}.` }
  const run = await models.client.start('support_request', request, {
    principal: REQUESTER,
    workflowId: `ends-${randomUUID()}`,
  })
  return { run, order, result: await run.outcome() }
}

test('a run that a model answers leaves neither what it was shown nor what it said', async () => {
  const planted = { request: word(), answer: word() }
  const { run, order, result } = await supported(planted.request, `It is on its way, ${planted.answer}.`)
  expect(result).toMatchObject({ state: 'completed' })
  expect(await models.count('replies', `ticket_id = '${order.ticketId}'`)).toBe(1)
  const { orderId: ofOrder, ticketId: ofTicket } = order
  expect(await inTheClear({ ...planted, ofOrder, ofTicket }, run.workflowId, models)).toEqual([])
})

test('a run that is cancelled while it waits refunds nothing, unwinds, and leaves nothing', async () => {
  const planted = { request: word() }
  const { run, order } = await startRefund(world, { amountCents: 12_000, message: saying(planted.request) })
  await pendingOf(run)
  await world.temporal.workflow.getHandle(run.workflowId).cancel()
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  expect(await world.refunded(order.paymentId)).toBe(0)
  expect(await inTheClear({ ...planted, order: order.orderId }, run.workflowId)).toEqual([])
})

const FIXED = new Set(
  [...fixedSummaries([refundRequest.contract, supportRequest.contract])].map((text) => JSON.stringify(text)),
)

interface Seen {
  readonly encodings: Set<string>
  readonly messages: Set<string>
  readonly activityIds: Set<string>
  readonly indexed: Map<string, unknown>
}

/** What stands in a history as the server has it: how payloads are encoded, what failures say, and the ids. */
function seenIn(value: unknown, seen: Seen, at = ''): Seen {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return seen
  const fields = value as Readonly<Record<string, unknown>>
  const encoding = (fields['metadata'] as Readonly<Record<string, Uint8Array>> | null | undefined)?.['encoding']
  if (encoding instanceof Uint8Array) {
    const { data } = fields as { data?: Uint8Array }
    if (at.includes('indexedFields'))
      seen.indexed.set(at.split('.').at(-1) ?? '', JSON.parse(Buffer.from(data ?? []).toString()))
    // What Temporal's core notes of a local activity: its ids and times, and no value.
    else if (at.endsWith('details.data.payloads.0'))
      seen.activityIds.add((JSON.parse(Buffer.from(data ?? []).toString()) as { activity_id: string }).activity_id)
    // What a step is called is the same in every run.
    else if (!(at.endsWith('userMetadata.summary') && FIXED.has(Buffer.from(data ?? []).toString())))
      seen.encodings.add(Buffer.from(encoding).toString())
    return seen
  }
  if (typeof fields['activityId'] === 'string') seen.activityIds.add(fields['activityId'])
  if (typeof fields['message'] === 'string' && 'source' in fields) {
    seen.messages.add(fields['message'])
    const { stackTrace } = fields
    if (typeof stackTrace === 'string' && stackTrace !== '') seen.messages.add(stackTrace)
  }
  for (const [name, each] of Object.entries(fields)) seenIn(each, seen, `${at}.${name}`)
  return seen
}

test('of a history only ids and titles of steps, six search attributes, types and times are not encrypted', async () => {
  const { run, order } = await startRefund(world, { amountCents: 12_000, message: saying(word()) })
  const pending = await pendingOf(run)
  await run.decide({ ...approvalOf(pending), comment: word() })
  await run.outcome()
  await run.undo({ comment: word(), by: 'olga@acme.example' })
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  expect(await world.refunded(order.paymentId)).toBe(0)
  const { run: model } = await supported(word(), 'It is on its way.')
  const seen: Seen = { encodings: new Set(), messages: new Set(), activityIds: new Set(), indexed: new Map() }
  for (const { workflowId } of [run, model]) {
    const handle = world.temporal.workflow.getHandle(workflowId)
    const { events = [] } = await handle.fetchHistory()
    seenIn(events, seen)
    expect((await handle.describe()).memo).toEqual({})
  }
  expect([...seen.encodings]).toEqual(['binary/countersign-encrypted'])
  expect([...seen.messages].filter((message) => message !== 'Encoded failure')).toEqual([])
  expect([...seen.activityIds].filter((id) => !/^(\d+|[a-z]+\.[a-zA-Z]+-\d+(\.\w+(-\d+)?)?)$/.test(id))).toEqual([])
  expect([...seen.indexed.keys()].filter((name) => name.startsWith('Countersign')).toSorted()).toEqual([
    'CountersignPlaybook',
    'CountersignPolicyDigest',
    'CountersignSpendMicroUsd',
    'CountersignState',
    'CountersignWaitingFor',
    'CountersignWorkspace',
  ])
})

test('a business id that is personal: its keyed hash is the workflow id, the same one again, and another for another', async () => {
  const idFrom = `${word()}@mail.example`
  const order = await newOrder(world.databaseUrl, { amountCents: 12_000 })
  const request = { orderId: order.orderId, ticketId: order.ticketId, message: saying(word()) }
  const run = await world.client.start('refund_request', request, { principal: REQUESTER, idFrom })
  expect(run.workflowId).toMatch(/^refund-request-[0-9a-f]{40}$/)
  const again = world.client.start('refund_request', request, { principal: REQUESTER, idFrom })
  expect(await again.catch(failureOf)).toMatchObject({ code: 'run_exists' })
  expect(await world.client.hiddenId('refund_request', idFrom)).toBe(run.workflowId)
  expect(await world.client.hiddenId('refund_request', `${idFrom}x`)).not.toBe(run.workflowId)
  await pendingOf(run)
  expect(await inTheClear({ idFrom, local: idFrom.slice(0, 20) }, run.workflowId)).toEqual([])
  await world.temporal.workflow.getHandle(run.workflowId).cancel()
  await run.result()
})

test('a run whose key was destroyed cannot go on, does nothing, and keeps no other run from going on', async () => {
  const { run: gone, order } = await startRefund(world, { amountCents: 12_000, message: saying(word()) })
  const pending = await pendingOf(gone)
  await world.worker.stop()
  expect(await destroyDataKeys(world.db, { workflowId: gone.workflowId }, 'a test')).toHaveLength(1)
  const worker = await world.startWorker()
  // With the key that the workflow id gets from now on.
  const said = gone.decide(approvalOf(pending)).catch(failureOf)
  const { run: other, order: another } = await startRefund(world, { amountCents: 12_000, message: saying(word()) })
  await other.decide(approvalOf(await pendingOf(other)))
  expect(await other.outcome()).toMatchObject({ state: 'completed' })
  expect(await world.refunded(another.paymentId)).toBe(12_000)
  const handle = world.temporal.workflow.getHandle(gone.workflowId)
  const events = await until('a workflow task that failed', async () => {
    const { events: all } = await handle.fetchHistory()
    return all?.some((event) => event.workflowTaskFailedEventAttributes) ? all : undefined
  })
  expect(
    events.some((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'billing.refund'),
  ).toBe(false)
  expect(await world.refunded(order.paymentId)).toBe(0)
  await handle.terminate()
  await said
  expect(worker.buildId).toBe(world.worker.buildId)
})

test('wrapping anew that is killed in the middle loses nothing, while runs go on, and is done when it is begun again', async () => {
  const keys = ledgerDataKeys(world.db, masterKeysFile(file))
  const made: DataKey[] = []
  for (let at = 0; at < 3_000; at += 100) {
    const some = Array.from({ length: 100 }, (_, next) => keys.keyFor('default', `many-${at + next}`))
    made.push(...(await Promise.all(some)))
  }
  const { run, order } = await startRefund(world, { amountCents: 12_000, message: saying(word()) })
  const pending = await pendingOf(run)
  const both = withNewMasterKey(first, { id: 'm-second' })
  writeFileSync(file, JSON.stringify(both))
  const env = {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    DATABASE_URL: world.databaseUrl,
    COUNTERSIGN_MASTER_KEYS: file,
  }
  const killed = inBackground(['keys', 'rewrap'], { env })
  await killed.says('200 wrapped')
  killed.signal('SIGKILL')
  await killed.ended
  const liveBy = async () =>
    new Map((await countDataKeys(world.db)).map(({ masterKeyId, live }) => [masterKeyId, live] as const))
  const between = await liveBy()
  expect(between.get('m-second')).toBeGreaterThanOrEqual(200)
  expect(between.get(first.current)).toBeGreaterThan(200)
  await run.decide(approvalOf(pending))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world.refunded(order.paymentId)).toBe(12_000)

  const again = await inBackground(['keys', 'rewrap', '--json'], { env }).ended
  expect(again.code).toBe(0)
  expect(JSON.parse(again.stdout)).toMatchObject({ left: 0 })
  expect([...(await liveBy()).entries()].filter(([, live]) => live > 0).map(([id]) => id)).toEqual(['m-second'])
  // The first master key is gone for good.
  const second = { current: 'm-second', keys: { 'm-second': both.keys['m-second'] ?? '' } }
  writeFileSync(file, JSON.stringify(second))
  const fresh = ledgerDataKeys(world.db, masterKeysFile(file))
  const same = await Promise.all(made.map(async ({ keyId, key }) => (await fresh.keyById(keyId)).key.equals(key)))
  expect(same.filter((is) => !is)).toEqual([])
  expect(
    (await query(world.databaseUrl, 'SELECT 1 FROM countersign.data_keys WHERE wrapped IS NULL')).rows,
  ).toHaveLength(1)
})
