import { describe, expect, test } from 'vitest'
import { getOrder, refund } from '../../activities/billing/contract.ts'
import { getCustomer } from '../../activities/crm/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import { sampleTools } from '../../activities/index.ts'
import { money, usd } from '../../src/contract/money.ts'

const order = getOrder.output.parse({
  id: 'ord_1001',
  customerId: 'cus_1001',
  paymentId: 'pay_1001',
  status: 'delivered',
  placedAt: '2026-09-01T09:00:00.000Z',
  total: usd(2_000),
  captured: usd(2_000),
  refundable: usd(1_500),
  lines: [{ sku: 'MUG-01', title: 'Stoneware mug', quantity: 1, price: usd(2_000) }],
  parcels: ['UPS-1001-1'],
  tickets: ['tkt_1000', 'tkt_1001'],
})
const customer = getCustomer.output.parse({
  id: 'cus_1001',
  name: 'Ada Jones',
  email: 'ada@example.com',
  tier: 'plus',
})
const asked = { paymentId: 'pay_1001', amount: usd(1_500), reason: 'arrived broken', ticketId: 'tkt_1001' }

describe('what speaks against a refund', () => {
  test('nothing, when payment, customer, currency and amount are those of the order', () => {
    expect(refund.supports(asked, { order, customer })).toEqual([])
  })

  test.each([
    [
      'a payment of another order',
      { ...asked, paymentId: 'pay_1002' },
      customer,
      'payment `pay_1002` is not that of order `ord_1001`, which is `pay_1001`',
    ],
    [
      'another customer than the one of the order',
      asked,
      { ...customer, id: 'cus_1002' },
      'order `ord_1001` is not of customer `cus_1002`, but of `cus_1001`',
    ],
    [
      'a ticket about another order',
      { ...asked, ticketId: 'tkt_1002' },
      customer,
      'ticket `tkt_1002` is not about order `ord_1001` of customer `cus_1001`',
    ],
    [
      'a cent above what can be refunded',
      { ...asked, amount: usd(1_501) },
      customer,
      '$15.01 is more than the $15.00 that can be refunded',
    ],
    [
      'another currency',
      { ...asked, amount: money('EUR', 1) },
      customer,
      'order `ord_1001` was paid in USD, not in EUR',
    ],
  ])('%s', (_what, input, by, words) => {
    expect(refund.supports(input, { order, customer: by })).toEqual([words])
  })

  test('every contradiction is named, not the first alone', () => {
    const input = { ...asked, paymentId: 'pay_1002', amount: usd(9_999), ticketId: 'tkt_1002' }
    expect(refund.supports(input, { order, customer: { ...customer, id: 'cus_1002' } })).toHaveLength(4)
  })
})

describe('the facts of a refund', () => {
  test('are amount and reason of the input, what that makes in all, and the tier of the cited customer', () => {
    expect(refund.facts(asked, { order, customer })).toEqual({
      refund_amount_usd: usd(1_500),
      refunded_total_usd: usd(2_000),
      customer_tier: 'plus',
      reason: 'arrived broken',
    })
  })

  test('have no amount in dollars when it is in another currency', () => {
    const euros = { ...asked, amount: money('EUR', 100) }
    const facts = refund.facts(euros, { order, customer })
    expect([facts.refund_amount_usd, facts.refunded_total_usd]).toEqual([undefined, undefined])
  })

  test('have in the reason what the customer wrote, too', () => {
    const reasonOf = (statement: string) => refund.facts({ ...asked, statement }, { order, customer }).reason
    expect(reasonOf('This was fraud.')).toBe('arrived broken\nThis was fraud.')
    expect(reasonOf('It arrived broken. This was fraud.')).toBe('It arrived broken. This was fraud.')
  })
})

test.each([
  ['an amount of nothing', { ...asked, amount: usd(0) }],
  ['a negative amount', { ...asked, amount: usd(-1) }],
  ['a fraction of a cent', { ...asked, amount: { currency: 'USD', cents: 0.5 } }],
  ['an amount as a bare number', { ...asked, amount: 15 }],
  ['the id of an order in place of that of a payment', { ...asked, paymentId: 'ord_1001' }],
  ['a blank reason', { ...asked, reason: '  ' }],
  ['a reason of 501 characters', { ...asked, reason: 'x'.repeat(501) }],
  ['a reason with half a character', { ...asked, reason: '\ud800' }],
  ['a reason with a NUL, which PostgreSQL cannot hold', { ...asked, reason: 'a\0b' }],
  ['an unknown key', { ...asked, force: true }],
])('a refund with %s does not parse', (_what, input) => {
  expect(refund.input.safeParse(input).success).toBe(false)
})

test.each([
  ['no body', ' '],
  ['a body of 4,001 characters', 'x'.repeat(4_001)],
  ['a body with a NUL', 'a\0b'],
])('a reply with %s does not parse', (_what, body) => {
  expect(reply.input.safeParse({ ticketId: 'tkt_1001', body }).success).toBe(false)
})

test('an action is described in one line', () => {
  expect(refund.describe(asked)).toBe('refund $15.00 of payment pay_1001')
  expect(reply.describe({ ticketId: 'tkt_1001', body: 'Hello' })).toBe('answer the customer in ticket tkt_1001')
})

// Activity types: wire names.
test('the sample tools go by these names', () => {
  expect(sampleTools.map(({ contract }) => contract.name)).toEqual([
    'billing.getOrder',
    'billing.refund',
    'crm.getCustomer',
    'shipping.getParcel',
    'helpdesk.reply',
  ])
})
