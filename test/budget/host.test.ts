import { randomUUID } from 'node:crypto'
import { startMessageOf } from '../support/refunds.ts'
import { expect, test } from 'vitest'
import type { ThinkResult } from '../../src/contract/calls.ts'
import { digestOf } from '../../src/contract/digest.ts'
import type { Evidence, StepResult } from '../../src/contract/evidence.ts'
import type { ApprovedRaise, Raise } from '../../src/contract/raise.ts'
import { useStatement } from '../../src/ledger/statements.ts'
import { WIRE } from '../../src/contract/wire.ts'
import type { OpenedRun } from '../../src/policy/types.ts'
import { goOn, type Told } from '../worker/puppet.ts'
import { type Puppet, startPuppet } from '../worker/puppets.ts'
import { until } from '../support/world.ts'
import { newItem, REQUESTER, useBudgets } from './budget-world.ts'
import { ANSWER_MICRO_USD, WORST_MICRO_USD } from './contracts.ts'
import { raising } from './raising.ts'

const { world, boxes, model, callsOf } = await useBudgets()

/** A workflow without a kernel whose run is open, under a policy with a cap of $0.03. */
async function opened(worth?: string) {
  const { taskQueue } = world()
  const item = newItem(worth)
  const puppet = await startPuppet(world(), 'puppets', { taskQueue, workflowId: `puppets-${randomUUID()}` })
  const start = startMessageOf(puppet.workflowId, { item }, REQUESTER, 'puppets')
  const told = await puppet.call(WIRE.activities.openRun, { runKey: puppet.runKey, start })
  if (!told.ok) throw new Error(told.message)
  return { puppet, item, policyDigest: (told.result as OpenedRun).policyDigest }
}

/** Has the approvals of a raise heard by a host. */
async function heardRaise(raised: ApprovedRaise): Promise<ApprovedRaise> {
  for (const { statement } of raised.approvals) await useStatement(world().db, statement, raised.raise.runKey)
  return raised
}

const think = ({ runKey, call }: Puppet, item: string, more: object = {}, step = 'box.ponder-1'): Promise<Told> =>
  call(WIRE.activities.think, { runKey, step, thought: 'box.ponder', input: { item }, ...more }, { id: step })

async function readBy({ runKey, call }: Puppet, tool: string, input: object): Promise<Evidence> {
  const step = `${tool}-1`
  const told = await call(tool, { runKey, step, input }, { id: step })
  if (!told.ok) throw new Error(told.message)
  const { receipt, output } = told.result as StepResult
  return { receipt, output }
}

const exceeded = { ok: false, code: 'model_budget_exceeded', final: true }

/** Spends most of the budget of a run: two calls that cost the worst. */
async function almostSpent(puppet: Puppet, item: string): Promise<void> {
  model.script(item, 'hang up', 'hang up')
  for (let time = 0; time < 2; time++) expect(await think(puppet, item)).toMatchObject({ code: 'model_unavailable' })
}

test.concurrent('thoughts at once do not spend beyond the cap', async () => {
  const { puppet, item } = await opened()
  model.script(item, ...Array.from({ length: 6 }, () => 'wait' as const))
  const all = [1, 2, 3, 4, 5, 6].map((at) => think(puppet, item, {}, `box.ponder-${at}`))
  await until('three calls', async () => (model.asked(item) === 3 ? true : undefined))
  await until('three refusals', async () => {
    const calls = await callsOf(puppet)
    return calls.length === 3 ? true : undefined
  })
  // Those that wait hold what is set aside for them.
  const late = await think(puppet, item, {}, 'box.ponder-7')
  expect(late).toMatchObject({ ...exceeded, message: expect.stringContaining('$0.0000 is left; it was not made') })
  model.letGo()
  const told = await Promise.all(all)
  expect(told.filter(({ ok }) => ok)).toHaveLength(3)
  expect(told.filter((one) => !one.ok)).toMatchObject([exceeded, exceeded, exceeded])
  expect(model.asked(item)).toBe(3)
})

test.concurrent('a run that continues as new has spent what it spent before', async () => {
  const { puppet, item } = await opened()
  await almostSpent(puppet, item)
  const { temporal } = world()
  const runIdOf = async () => (await temporal.workflow.getHandle(puppet.workflowId).describe()).runId
  const before = await runIdOf()
  await temporal.workflow.getHandle(puppet.workflowId).signal(goOn)
  await until('the next run', async () => ((await runIdOf()) === before ? undefined : true))
  const told = await think(puppet, item)
  const spent = { modelMicroUsd: 2 * WORST_MICRO_USD + ANSWER_MICRO_USD, inputTokens: expect.any(Number) }
  expect(told).toMatchObject({ ok: true, result: { spent } })
  expect(await think(puppet, item)).toMatchObject(exceeded)
  expect(model.asked(item)).toBe(3)
})

test.concurrent('a workflow that never opened its run is asked no model', async () => {
  const { taskQueue } = world()
  const item = newItem()
  const puppet = await startPuppet(world(), 'puppets', { taskQueue })
  expect(await think(puppet, item)).toMatchObject({ ok: false, code: 'run_unknown', final: true })
  expect(model.asked(item)).toBe(0)
})

test.concurrent('what the caller says of its budget is not heard', async () => {
  const { puppet, item } = await opened()
  await almostSpent(puppet, item)
  expect(await think(puppet, item, { remainingMicroUsd: null, capMicroUsd: 1e9 })).toMatchObject({ ok: true })
  expect(await think(puppet, item, { remainingMicroUsd: null, capMicroUsd: 1e9 })).toMatchObject(exceeded)
  expect(model.asked(item)).toBe(3)
})

test.concurrent('the receipt of a value raises the cap to that of its entry', async () => {
  const { puppet, item } = await opened('700.00 USD')
  await almostSpent(puppet, item)
  const value = await readBy(puppet, 'box.appraise', { item })
  model.script(item, 'hang up', 'hang up', 'answer')
  for (let time = 0; time < 2; time++) {
    expect(await think(puppet, item, { value })).toMatchObject({ code: 'model_unavailable' })
  }
  expect(await think(puppet, item, { value })).toMatchObject({ ok: true })
  expect(await think(puppet, item, { value })).toMatchObject(exceeded)
  expect(model.asked(item)).toBe(5)
})

test.concurrent('a forged value raises nothing', async () => {
  const { puppet, item } = await opened('700.00 USD')
  const other = await opened('100000.00 USD')
  await almostSpent(puppet, item)
  await think(puppet, item)
  const value = await readBy(puppet, 'box.appraise', { item })
  const dear = { worth: { currency: 'USD', cents: 10_000_000 } }
  const receipt = { ...value.receipt, outputDigest: digestOf(dear) }
  const forged: readonly (readonly [value: unknown, code: string, why: string])[] = [
    [{ ...value, output: dear }, 'receipt_invalid', 'is not about the cited output'],
    [{ receipt, output: dear }, 'receipt_invalid', 'has a wrong signature'],
    [{ receipt: { ...receipt, keyId: 'mine' }, output: dear }, 'receipt_invalid', 'an unknown key'],
    [await readBy(other.puppet, 'box.appraise', { item: other.item }), 'receipt_invalid', 'belongs to another run'],
    [await readBy(puppet, 'box.look', { item, size: 0 }), 'receipt_invalid', 'is not read by `box.look`'],
    [dear, 'request_invalid', '`value.receipt`'],
    ['much', 'request_invalid', '`value`'],
  ]
  for (const [one, code, why] of forged) {
    const message = expect.stringContaining(why)
    expect(await think(puppet, item, { value: one }), why).toMatchObject({ ok: false, code, final: true, message })
  }
  expect(model.asked(item)).toBe(3)
  expect(boxes.asked(item)).toEqual([])
})

test.concurrent('an approved raise counts once, however often it is shown', async () => {
  const { puppet, item, policyDigest } = await opened()
  await almostSpent(puppet, item)
  model.script(item, 'hang up', 'hang up', 'hang up', 'hang up', 'answer')
  const raise = await heardRaise(raising(puppet.runKey, policyDigest))
  const raises = Array.from({ length: 5 }, () => raise)
  for (let time = 0; time < 4; time++) {
    expect(await think(puppet, item, { raises })).toMatchObject({ code: 'model_unavailable' })
  }
  expect(await think(puppet, item, { raises })).toMatchObject(exceeded)
  expect(model.asked(item)).toBe(6)
})

test.concurrent('a raise of the cap that a value gives counts with that value only', async () => {
  const { puppet, item, policyDigest } = await opened('700.00 USD')
  await almostSpent(puppet, item)
  const value = await readBy(puppet, 'box.appraise', { item })
  const raises = [await heardRaise(raising(puppet.runKey, policyDigest, { from: 50_000, to: 100_000 }))]
  expect(await think(puppet, item, { raises })).toMatchObject({ ok: false, code: 'approval_invalid', final: true })
  model.script(item, ...Array.from({ length: 8 }, () => 'hang up' as const))
  for (let time = 0; time < 8; time++) {
    expect(await think(puppet, item, { value, raises })).toMatchObject({ code: 'model_unavailable' })
  }
  expect(await think(puppet, item, { value, raises })).toMatchObject(exceeded)
  expect(model.asked(item)).toBe(10)
})

test.concurrent('a raise that nobody approved like this raises nothing', async () => {
  const { puppet, item, policyDigest } = await opened()
  await almostSpent(puppet, item)
  await think(puppet, item)
  const raise = (more?: Partial<Raise>, runKey = puppet.runKey) => raising(runKey, policyDigest, more)
  const good = raise()
  const approvedAs = (more: object) => ({ ...good, approvals: good.approvals.map((one) => ({ ...one, ...more })) })
  const forged: readonly (readonly [raise: unknown, why: string])[] = [
    [raise({}, 'another/run'), 'is of another run'],
    [raise({ limit: 'tool_calls' }), 'is of another limit'],
    [raise({ policyDigest: digestOf('other') }), 'was asked for under another policy'],
    [raise({ to: 1_000_000 }), 'is not by one cap of the policy'],
    [raise({ from: 60_000, to: 90_000 }), 'is not by one cap of the policy'],
    [{ ...good, raise: { ...good.raise, from: 0, to: 70_000 } }, 'an approval by ben is of another action'],
    [approvedAs({ by: REQUESTER.subject }), 'is by the requester'],
    [approvedAs({ decision: 'reject' }), 'is none'],
    [approvedAs({ step: 'model_budget-2' }), 'is of another step'],
  ]
  for (const [one, why] of forged) {
    const refused = { ok: false, code: 'approval_invalid', final: true, message: expect.stringContaining(why) }
    expect(await think(puppet, item, { raises: [one] }), why).toMatchObject(refused)
  }
  const malformed = { ok: false, code: 'request_invalid', final: true }
  for (const raises of ['all', [{}], [{ raise: good.raise }]]) {
    expect(await think(puppet, item, { raises })).toMatchObject(malformed)
  }
  expect(model.asked(item)).toBe(3)
})

test.concurrent('a run is told what it has spent, and not what another has', async () => {
  const { puppet, item } = await opened()
  model.script(item, 'answer')
  const first = (await think(puppet, item)) as { readonly result: ThinkResult }
  expect(first.result).toMatchObject({ microUsd: ANSWER_MICRO_USD, spent: { modelMicroUsd: ANSWER_MICRO_USD } })
  const spent = await puppet.call(WIRE.activities.spent, { runKey: puppet.runKey })
  expect(spent).toEqual({ ok: true, result: { modelMicroUsd: 1_000, inputTokens: 40, outputTokens: 100 } })
  const stranger = await opened()
  const asked = await puppet.call(WIRE.activities.spent, { runKey: stranger.puppet.runKey })
  expect(asked).toMatchObject({ ok: false, code: 'warrant_mismatch', final: true })
})
