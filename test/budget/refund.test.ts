import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { query, SHIPPED_POLICIES, startWorld, type World } from '../support/world.ts'
import { approvalOf, pendingOf, startRefund } from '../support/refunds.ts'

let policies = ''
let world: World
beforeAll(async () => {
  policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
  await cp(SHIPPED_POLICIES, policies, { recursive: true })
  const file = join(policies, 'refund-request.yaml')
  const text = await readFile(file, 'utf8')
  await writeFile(file, `${text}\nbudget:\n by_value:\n  - {at_least_usd: 500, max_tool_calls: 10}\n`)
  world = await startWorld({ policies })
})
afterAll(async () => {
  await world.stop()
  await rm(policies, { recursive: true })
})

const MESSAGE = 'It never arrived. Please give my money back.'

test.concurrent('a refund of a dear order may look at more parcels', async () => {
  const { run, order } = await startRefund(world, { amountCents: 50_000, parcels: 5, message: MESSAGE })
  await run.decide(approvalOf(await pendingOf(run)))
  expect(await run.outcome()).toMatchObject({ state: 'completed', spend: { toolCalls: 9 } })
  expect(await world.refunded(order.paymentId)).toBe(50_000)
  const { rows } = await query(world.databaseUrl, 'SELECT count(*)::int AS calls FROM countersign.model_calls')
  expect(rows).toEqual([{ calls: 0 }])
})

test.concurrent('a refund of a cheap order may not, and no money moves', async () => {
  const { run, order } = await startRefund(world, { amountCents: 49_999, parcels: 5, message: MESSAGE })
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'tool_budget_exceeded', message: expect.stringContaining('allows 5 tool calls') },
    effects: [],
  })
  expect(await world.refunded(order.paymentId)).toBe(0)
})
