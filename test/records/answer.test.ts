import { describe, expect, test } from 'vitest'
import { getOrder, refund } from '../../activities/billing/contract.ts'
import { getCustomer } from '../../activities/crm/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import { usd } from '../../src/contract/money.ts'

const order = getOrder.output.parse({
  id: 'ord_1001',
  customerId: 'cus_1001',
  paymentId: 'pay_1001',
  status: 'delivered',
  placedAt: '2026-09-01T09:00:00.000Z',
  total: usd(2_900),
  captured: usd(2_900),
  refundable: usd(2_400),
  lines: [{ sku: 'MUG-01', title: 'Stoneware mug', quantity: 2, price: usd(1_450) }],
  parcels: ['4111111111111111'],
  tickets: ['tkt_1001'],
})
const customer = getCustomer.output.parse({ id: 'cus_1001', name: 'Ada', email: 'Ada@example.com', tier: 'plus' })
const made = refund.output.parse({
  refundId: 'ref_100001',
  paymentId: 'pay_1001',
  amount: usd(1_000),
  status: 'pending',
  settlesAt: '2026-09-03T09:00:00.000Z',
})
const supports = (body: string, refunds = [made]) =>
  reply.supports({ ticketId: 'tkt_1001', body }, { order, customer, refunds })
const claims = (body: string, refunds = [made]) =>
  reply.facts({ ticketId: 'tkt_1001', body }, { order, customer, refunds }).reply_unbacked_claim

test('nothing speaks against a reply about the records of the case', () => {
  const body =
    'Order ord_1001 (pay_1001, cus_1001, tkt_1001): $10.00 goes back to ada@example.com as ref_100001, parcel 4111111111111111.'
  expect([supports(body), claims(body)]).toEqual([[], false])
})

describe('against a reply speaks', () => {
  test.each([
    ['another order', 'See ord_1002.', 'the reply names `ord_1002`, which is not of this case'],
    ['an order with more to its name', 'See ord_1001x.', 'the reply names `ord_1001x`, which is not of this case'],
    ['another e-mail address', 'Ask bob@example.com', "the reply names an e-mail address that is not the customer's"],
    ['its own address with more to it', 'ada@example.com.evil', "an e-mail address that is not the customer's"],
    ['a link', 'See https://example.com', 'the reply has a link in it'],
    ['a card number', 'Card 5555 5555 5555 4444', 'the reply has a card number in it'],
  ])('%s', (_what, body, words) => {
    expect(supports(body)).toEqual([expect.stringContaining(words)])
  })

  test('a refund of another run, which it does not cite', () => {
    expect(supports('Refund ref_100001 is on its way.', [])).toHaveLength(1)
  })

  test('a ticket about another order', () => {
    const elsewhere = { ticketId: 'tkt_1002', body: 'Hello' }
    expect(reply.supports(elsewhere, { order, customer, refunds: [] })).toEqual([
      'ticket `tkt_1002` is not about order `ord_1001` of customer `cus_1001`',
    ])
  })

  test('an order of another customer', () => {
    const other = { ...customer, id: 'cus_1002' }
    expect(reply.supports({ ticketId: 'tkt_1001', body: 'Hello' }, { order, customer: other, refunds: [] })).toEqual([
      'order `ord_1001` is not of customer `cus_1002`, but of `cus_1001`',
    ])
  })
})

describe('a claim that no record bears out', () => {
  test.each([
    ['an amount that is in no record', 'You get $11.00.', [made], true],
    ['an amount that cannot be read', 'You get 10,00 $.', [made], true],
    ['another currency', 'You get €10.00.', [made], true],
    ['a refund that was not made', 'We have refunded you.', [], true],
    ['a refund that was not made, invisibly', 'We have re\u200bfunded you.', [], true],
    ['a refund in German', 'Wir haben Ihnen das Geld erstattet.', [], true],
    ['a refund that was made', 'We have refunded you.', [made], false],
    ['its amount', 'We have refunded $10.00.', [made], false],
    ['the prices, and what is left', 'Two mugs of $14.50 are $29.00, and $14.00 is left.', [made], false],
    ['nothing', 'We are looking into it.', [], false],
  ])('%s', (_what, body, refunds, is) => {
    expect(claims(body, refunds)).toBe(is)
  })
})
