import { afterAll, expect, test } from 'vitest'
import { codeOf, failureOf } from '../../src/contract/failures.ts'
import { newOrder } from '../support/orders.ts'
import { REQUESTER } from '../support/refunds.ts'
import { useWorld } from '../support/world.ts'
import { expectNothingMade, expectStillWorks, requestOf, startRaw, startText, startWith } from './hostile.ts'

const world = useWorld()
afterAll(() => expectStillWorks(world()))

type Request = ReturnType<typeof requestOf>

const REFUSED: readonly (readonly [string, (good: Request) => object, string])[] = [
  ['no field', () => ({}), '`orderId`'],
  ['a list', (good) => [good], 'expected object'],
  ['no message', ({ orderId, ticketId }) => ({ orderId, ticketId }), '`message`'],
  ['an empty message', (good) => ({ ...good, message: '' }), '`message`'],
  ['a message of 20,001 characters', (good) => ({ ...good, message: 'x'.repeat(20_001) }), '<=20000'],
  ['a message of 100 KB', (good) => ({ ...good, message: '€'.repeat(34_000) }), '<=20000'],
  ['a message that is a number', (good) => ({ ...good, message: 20 }), 'expected string'],
  ['a message that is null', (good) => ({ ...good, message: null }), 'expected string'],
  ['a message that is a list', (good) => ({ ...good, message: ['refund', '$20'] }), 'expected string'],
  ['an order that is a map', (good) => ({ ...good, orderId: { $ne: '' } }), 'expected string'],
  ['an order that is no id', (good) => ({ ...good, orderId: "ord_1' OR '1'='1" }), 'must look like `ord_1001`'],
  ['an order in capitals', (good) => ({ ...good, orderId: good.orderId.toUpperCase() }), 'must look like'],
  ['an order and a line end', (good) => ({ ...good, orderId: `${good.orderId}\n` }), 'must look like'],
  ['an order and a zero-width space', (good) => ({ ...good, orderId: `${good.orderId}\u200b` }), 'must look like'],
  ['an order of 41 letters', (good) => ({ ...good, orderId: `ord_${'1'.repeat(41)}` }), 'must look like'],
  ['a ticket where the order stands', (good) => ({ ...good, orderId: good.ticketId }), 'must look like'],
  [
    'an amount of its own',
    (good) => ({ ...good, amount: { currency: 'USD', cents: 2000 } }),
    'Unrecognized key: "amount"',
  ],
  ['an approval of its own', (good) => ({ ...good, approved: true }), 'Unrecognized key: "approved"'],
  ['`constructor` as a field', (good) => ({ ...good, constructor: 1 }), 'Unrecognized key: "constructor"'],
  ['a policy of its own', (good) => ({ ...good, policy: { requires_approval_if: {} } }), 'Unrecognized key: "policy"'],
]

test.concurrent.for(REFUSED)('a request with %s is refused before anything is read', async ([, change, why]) => {
  const order = await newOrder(world().databaseUrl)
  const run = await startWith(world(), change(requestOf(order)))
  expect(await run.outcome()).toMatchObject({
    state: 'failed',
    because: { code: 'request_invalid', message: expect.stringContaining(why) },
    effects: [],
    spend: { toolCalls: 0 },
    requestDigest: null,
  })
  await expectNothingMade(world(), order)
})

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
const nestedMaps = (levels: number): string => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels)
const fields = (good: Request): string => JSON.stringify(good).slice(1, -1)

const RAW: readonly (readonly [string, (good: Request) => string, string])[] = [
  ['10,000 lists in each other', () => startText(nested(10_000)), 'expected object'],
  ['10,000 maps in each other', () => startText(nestedMaps(10_000)), '`orderId`'],
  ['10,000 lists as a field', (good) => startText(`{${fields(good)},"more":${nested(10_000)}}`), 'Unrecognized key'],
  ['30,000 lists in each other', () => startText(nested(30_000)), ''],
  ['100,000 lists in each other', () => startText(nested(100_000)), 'nests too deeply'],
  ['`__proto__` beside its fields', (good) => startText(`{${fields(good)},"__proto__":{"x":1}}`), '__proto__'],
  ['its fields under `__proto__`', (good) => startText(`{"__proto__":{${fields(good)}}}`), '`orderId`'],
  ['`__proto__` beside itself', (good) => startText(`{${fields(good)}},"__proto__":{}`), '__proto__'],
  ['half a character in the message', (good) => startText(fieldsWith(good, 'Refund $20 \\ud800')), 'surrogate'],
  ['half a character in the order', (good) => startText(`{${fields(good)},"orderId":"\\udc00"}`), 'surrogate'],
  [
    'a message near what Temporal carries',
    (good) => startText(fieldsWith(good, 'x'.repeat(1_900_000))),
    'at most 500000',
  ],
  ['500,000 characters', (good) => startText(fieldsWith(good, 'x'.repeat(500_000))), 'at most 500000'],
  ['a number past all numbers', (good) => startText(`{${fields(good)},"message":1e999}`), 'request'],
]

function fieldsWith(good: Request, message: string): string {
  const { message: _, ...rest } = good
  return `{${fields(rest as Request)},"message":"${message}"}`
}

test.concurrent.for(RAW)('a request in raw JSON with %s is refused', { timeout: 30_000 }, async ([, textOf, why]) => {
  const order = await newOrder(world().databaseUrl)
  const run = await startRaw(world(), textOf(requestOf(order)))
  expect(await run.outcome()).toMatchObject({
    state: 'failed',
    because: { code: 'request_invalid', message: expect.stringContaining(why) },
    effects: [],
    requestDigest: null,
  })
  await expectNothingMade(world(), order)
})

test.concurrent.for([
  ['past what the host takes', 'x'.repeat(500_000)],
  ['past what Temporal carries', 'x'.repeat(2_200_000)],
  ['past what gRPC carries', 'x'.repeat(5_000_000)],
])('the client does not send a request %s', async ([, message]) => {
  const order = await newOrder(world().databaseUrl)
  const workflowId = `large-${order.orderId}`
  const request = requestOf(order, message)
  const options = { principal: REQUESTER, workflowId }
  for (const started of [
    startWith(world(), request, workflowId),
    world().client.execute('refund_request', request, options),
  ]) {
    const refused = await started.then(() => undefined, failureOf)
    expect(refused).toMatchObject({ code: 'request_invalid', message: expect.stringContaining('at most 500000') })
  }
  expect(await world().client.run(workflowId).summary().then(String, codeOf)).toBe('run_not_found')
})

test.concurrent('the client does not send what JSON cannot say', async () => {
  const circle: Record<string, unknown> = {}
  circle['itself'] = circle
  for (const request of [circle, { count: 1n }]) {
    expect(await startWith(world(), request).then(String, codeOf)).toBe('request_invalid')
  }
})

test.concurrent('a request above what Temporal carries never becomes a run', async () => {
  const order = await newOrder(world().databaseUrl)
  const workflowId = `large-${order.orderId}`
  const text = startText(fieldsWith(requestOf(order), 'x'.repeat(2_200_000)))
  await expect(startRaw(world(), text, workflowId)).rejects.toThrow('INVALID_ARGUMENT')
  expect(await world().client.run(workflowId).summary().then(String, codeOf)).toBe('run_not_found')
  await expectNothingMade(world(), order)
})
