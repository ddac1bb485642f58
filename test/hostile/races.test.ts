import { afterAll, expect, test } from 'vitest'
import type { RunResult } from '../../src/client/index.ts'
import { newOrder } from '../support/orders.ts'
import { query, useWorld } from '../support/world.ts'
import { expectStillWorks, newTicket, requestOf, startWith } from './hostile.ts'

const world = useWorld()
afterAll(() => expectStillWorks(world()))

/** One run for each of so many tickets about one order, all at once. */
async function race(runs: number, messageOf: (at: number) => string) {
  const order = await newOrder(world().databaseUrl)
  const tickets = await Promise.all(Array.from({ length: runs }, () => newTicket(world(), order)))
  const started = await Promise.all(
    tickets.map((ticketId, at) => startWith(world(), requestOf({ ...order, ticketId }, messageOf(at)))),
  )
  const results = await Promise.all(started.map((run) => run.outcome()))
  const { rows } = await query(
    world().databaseUrl,
    'SELECT captured_cents, refunded_cents FROM records.payments WHERE id = $1',
    [order.paymentId],
  )
  return { order, results, payment: rows[0] }
}

const completed = (results: readonly RunResult[]) => results.filter(({ state }) => state === 'completed')

/** How a run may end that came too late: the records were read after the others, or moved under it. */
const TOO_LATE = ['refused_by_playbook', 'evidence_unsupported', 'precondition_failed']

test('twenty runs at once for one payment, each in full, refund it once', async () => {
  const { order, results, payment } = await race(20, () => 'It arrived broken. I want my money back.')
  expect(completed(results)).toHaveLength(1)
  const late = results.filter(({ state }) => state !== 'completed')
  for (const { because, effects } of late) {
    expect(TOO_LATE).toContain(because?.code)
    expect(effects.every((effect) => effect.state === 'not_done')).toBe(true)
  }
  expect(payment).toEqual({ captured_cents: 2_000, refunded_cents: 2_000 })
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test('twelve runs at once for one payment, each in part, never give back more than was captured', async () => {
  const cents = (at: number) => 300 + 100 * (at % 4)
  const { order, results, payment } = await race(12, (at) => `It broke. Refund $${(cents(at) / 100).toFixed(2)}.`)
  const given = results.reduce((sum, { state }, at) => (state === 'completed' ? sum + cents(at) : sum), 0)
  expect(completed(results).length).toBeGreaterThan(2)
  expect(results.flatMap(({ because }) => because?.code ?? []).filter((code) => !TOO_LATE.includes(code))).toEqual([])
  expect(given).toBeLessThanOrEqual(2_000)
  expect(payment).toEqual({ captured_cents: 2_000, refunded_cents: given })
  expect(await world().refunded(order.paymentId)).toBe(given)
})
