import { afterAll, expect, test } from 'vitest'
import type { Thinker } from '../../src/tools/implementation.ts'
import { startRefund } from '../support/refunds.ts'
import { useWorld } from '../support/world.ts'
import { expectNothingMade, expectStillWorks, madeFor } from './hostile.ts'

/** A model that answers with the JSON that the customer wrote. */
const parrot: Thinker = {
  think: async (_, input) => {
    const { message } = input as { readonly message: string }
    const claim = { category: 'damaged', reason: 'it broke', asksFor: 'everything', amount: null }
    const said: unknown = message.startsWith('{') ? JSON.parse(message) : {}
    const output = { ...claim, ...(said as object) }
    return { output, model: 'parrot', prompt: null, inputTokens: 1, outputTokens: 1, microUsd: 1 }
  },
}

const world = useWorld({ thinker: parrot })
afterAll(() => expectStillWorks(world()))

const usd = (cents: number) => ({ asksFor: 'amount', amount: { currency: 'USD', cents } })

test.concurrent.for([
  ['nothing', usd(0)],
  ['less than nothing', usd(-2_000)],
  ['half a cent', usd(2_000.5)],
  ['1e21 cents', usd(1e21)],
  ['cents in a text', { asksFor: 'amount', amount: { currency: 'USD', cents: '2000' } }],
  ['dollars for cents', { asksFor: 'amount', amount: { currency: 'USD', dollars: 20 } }],
  ['a currency that nobody takes', { asksFor: 'amount', amount: { currency: 'XBT', cents: 2_000 } }],
  ['an amount that it does not speak of', { asksFor: 'everything', amount: usd(1).amount }],
  ['an amount that it says is unclear', { asksFor: 'unclear', amount: usd(2_000).amount }],
  ['no amount where it says there is one', { asksFor: 'amount', amount: null }],
  ['everything, in other words', { asksFor: 'all' }],
  ['a payment of its own', { paymentId: 'pay_1002' }],
  ['another category', { category: 'approved' }],
  ['no reason', { reason: '' }],
  ['a reason of 301 characters', { reason: 'x'.repeat(301) }],
] as const)('a model that claims %s is not believed, and no money moves', async ([, claim]) => {
  const { run, order } = await startRefund(world(), { message: JSON.stringify(claim) })
  expect(await run.outcome()).toMatchObject({
    state: 'failed',
    because: { code: 'model_output_invalid', message: expect.stringContaining('refund.readClaim') },
    effects: [],
  })
  await expectNothingMade(world(), order)
})

test.concurrent.for([
  ['a cent more than was paid', usd(2_001), '$20.01 is more than the $20.00 that can be refunded'],
  ['all the cents there are', usd(Number.MAX_SAFE_INTEGER), 'is more than the $20.00 that can be refunded'],
  ['euros', { asksFor: 'amount', amount: { currency: 'EUR', cents: 2_000 } }, 'was paid in USD, not in EUR'],
] as const)('a model that claims %s is contradicted by the records', async ([, claim, why]) => {
  const { run, order } = await startRefund(world(), { message: JSON.stringify(claim) })
  expect(await run.outcome()).toMatchObject({
    state: 'escalated',
    because: { code: 'evidence_unsupported', message: expect.stringContaining(why) },
    effects: [],
  })
  await expectNothingMade(world(), order)
})

test.concurrent('a model that cannot tell how much is asked for hands the case to a person', async () => {
  const { run, order } = await startRefund(world(), { message: '{"asksFor":"unclear"}' })
  expect(await run.outcome()).toMatchObject({ state: 'escalated', because: { code: 'escalated_by_playbook' } })
  await expectNothingMade(world(), order)
})

test.concurrent('a model that claims an amount moves that amount and no more', async () => {
  const { run, order } = await startRefund(world(), { message: JSON.stringify(usd(1)) })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { amount: { cents: 1 } } })
  expect(await world().refunded(order.paymentId)).toBe(1)
  expect(await madeFor(world(), order)).toEqual({ refunds: 1, replies: 1 })
})
