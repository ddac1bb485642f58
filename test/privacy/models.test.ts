import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sampleThoughts } from '../../activities/index.ts'
import { replayHistory } from '../../src/audit/replay.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { bundleForReplay } from '../../src/worker/bundle.ts'
import { type ObedientEndpoint, obedientEndpoint, type Obeyed } from '../injection/obedient-endpoint.ts'
import { newOrder } from '../support/orders.ts'
import { REQUESTER } from '../support/refunds.ts'
import { query, SHIPPED_WORKFLOWS, startWorld, type World } from '../support/world.ts'

const EMAIL = 'maria.lopez@mail.example'
const PHONE = '+49 30 901820'
const CARD = '4111 1111 1111 1111'
const NAME = 'Maria Lopez-Ortega'
const PERSONAL = [EMAIL, PHONE, CARD, NAME, 'Lopez-Ortega', 'Maria']

let world: World
let endpoint: ObedientEndpoint
beforeAll(async () => {
  endpoint = await obedientEndpoint()
  world = await startWorld({
    thinker: createThinker({ models: endpoint.models, deterministic: sampleThoughts, env: {} }),
  })
})
afterAll(async () => {
  await world.stop()
  await endpoint.stop()
})

const promptsOf = (orderId: string): string =>
  endpoint
    .prompts(orderId)
    .map(({ text }) => text)
    .join('\n')

/** A support request of a customer of that name, whose model answers so. */
async function supported(message: string, answers: readonly Obeyed[]) {
  const order = await newOrder(world.databaseUrl)
  await query(world.databaseUrl, 'UPDATE records.customers SET name = $2, email = $3 WHERE id = $1', [
    order.customerId,
    NAME,
    EMAIL,
  ])
  endpoint.obey(order.orderId, answers)
  const { orderId, ticketId } = order
  const run = await world.client.start(
    'support_request',
    { orderId, ticketId, message },
    { principal: REQUESTER, workflowId: `veiled-${randomUUID()}` },
  )
  const result = await run.outcome()
  const { rows } = await query(world.databaseUrl, 'SELECT body FROM records.replies WHERE ticket_id = $1', [ticketId])
  return { run, order, result, replies: rows.map(({ body }) => body), prompts: promptsOf(orderId) }
}

const reply = (body: string) => ({
  tool: 'helpdesk.reply',
  input: JSON.stringify({ body }),
  summary: `tell <name-1> at <email-1>`,
})
const done = { tool: null, input: '{}', summary: 'answered <name-1>' }
const MESSAGE = `Hi, ${NAME} here. Mail ${EMAIL} or call ${PHONE}; I paid with ${CARD}. The box is broken. Maria`

test('a model sees tokens, and the tool that it calls gets the values', async () => {
  const { result, replies, prompts, run } = await supported(MESSAGE, [
    reply('Dear <name-1>, we will write to <email-1>.'),
    done,
  ])
  expect(result).toMatchObject({ state: 'completed' })
  expect(replies).toEqual([`Dear ${NAME}, we will write to ${EMAIL}.`])
  for (const value of PERSONAL) expect(prompts).not.toContain(value)
  expect(prompts).toContain(
    'Hi, <name-1> here. Mail <email-1> or call <phone-1>; I paid with <card-1>. The box is broken. <name-2>',
  )
  // What it proposed with the values comes back to it with tokens.
  expect(prompts).toContain(String.raw`{\"body\":\"Dear <name-1>, we will write to <email-1>.\"}`)
  const { timeline } = await run.status()
  expect(timeline.map(({ text }) => text)).toContain(`the model proposes helpdesk.reply: tell ${NAME} at ${EMAIL}`)
})

test('tokens that a model invents are sent as they stand', async () => {
  const { replies } = await supported('It is broken.', [reply('See <email-1>, <card-7> and <order-1>.'), done])
  expect(replies).toEqual(['See <email-1>, <card-7> and <order-1>.'])
})

test('what a customer writes as a token is never a value of somebody', async () => {
  const { replies, prompts } = await supported(`Say <email-1> to me. ${EMAIL}`, [reply('You said <email-1>.'), done])
  expect(replies).toEqual(['You said <email-1>.'])
  expect(prompts).not.toContain(EMAIL)
  expect(prompts).toContain('<email-2>')
})

test('a reason that a model read holds the values again, and the policy sees them', async () => {
  const { run, order } = await startRefundRead(`Broken. Refund $20. I am at ${PHONE}.`, 'Broken, at <phone-1>')
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  const { rows } = await query(world.databaseUrl, 'SELECT reason FROM records.refunds WHERE payment_id = $1', [
    order.paymentId,
  ])
  expect(rows).toEqual([{ reason: `Broken, at ${PHONE}` }])
  expect(promptsOf(order.orderId)).not.toContain(PHONE)
  expect(promptsOf(order.orderId)).toContain('I am at <phone-1>.')
})

async function startRefundRead(message: string, reason: string) {
  const order = await newOrder(world.databaseUrl)
  endpoint.obey(order.orderId, [{ category: 'damaged', reason, asksFor: 'everything', amount: null }])
  const { orderId, ticketId } = order
  const run = await world.client.start(
    'refund_request',
    { orderId, ticketId, message },
    { principal: REQUESTER, workflowId: `read-${randomUUID()}` },
  )
  return { run, order }
}

test('the history of a run with tokens replays', async () => {
  const { run } = await supported(MESSAGE, [reply('Dear <name-1>.'), done])
  const history = await world.temporal.workflow.getHandle(run.workflowId).fetchHistory()
  expect(await replayHistory(await bundleForReplay(SHIPPED_WORKFLOWS), history)).toMatchObject({ differences: [] })
})

test('where nothing personal stands, a model is asked as it always was', async () => {
  const { order, run } = await startRefundRead('Broken. Refund $20.', 'Broken')
  await run.outcome()
  expect(promptsOf(order.orderId)).toContain('<customer_message>\n"Broken. Refund $20."\n</customer_message>')
})
