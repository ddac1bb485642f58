import { expect, test } from 'vitest'
import { eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { shownResult } from '../support/refunds.ts'
import { until } from '../support/world.ts'
import { newItem, useBudgets } from './budget-world.ts'
import { ANSWER_MICRO_USD, WORST_MICRO_USD } from './contracts.ts'

const CAP_MICRO_USD = 30_000
const { world, boxes, model, start, callsOf } = await useBudgets()

test.concurrent.for([
  ['escalates', 'escalated'],
  ['refuses', 'refused'],
] as const)('attempts that cost and fail do not pass the cap: a policy that %s', async ([playbook, state]) => {
  const item = newItem()
  model.script(item, ...Array.from({ length: 8 }, () => 'hang up' as const))
  const run = await start(playbook, { item })
  expect(await run.result()).toMatchObject({
    state,
    outcome: null,
    because: {
      code: 'model_budget_exceeded',
      message: 'the model budget of $0.0300 does not cover another call',
    },
    effects: [],
    spend: { modelMicroUsd: CAP_MICRO_USD, toolCalls: 1 },
  })
  expect(model.asked(item) * WORST_MICRO_USD).toBeLessThanOrEqual(CAP_MICRO_USD)
  expect(model.asked(item)).toBe(3)
  expect(boxes.asked(item)).toEqual([])
  const calls = await callsOf(run)
  expect(calls.map(({ attempt, settled }) => [attempt, settled])).toEqual([1, 2, 3].map((at) => [at, WORST_MICRO_USD]))
})

test.concurrent('an answer that cannot be used is asked for again only within the cap', async () => {
  const item = newItem()
  model.script(item, 'hang up', 'hang up', 'nonsense', 'answer')
  const run = await start('refuses', { item })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: { code: 'model_budget_exceeded' },
    effects: [],
    spend: { modelMicroUsd: 2 * WORST_MICRO_USD + ANSWER_MICRO_USD },
  })
  expect(model.asked(item)).toBe(3)
  const calls = await callsOf(run)
  expect(calls.map(({ attempt, call }) => [attempt, call])).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
  ])
  expect(boxes.asked(item)).toEqual([])
})

test.concurrent('what attempts that failed have cost is in the spend of the run', async () => {
  const item = newItem()
  model.script(item, 'hang up', 'answer')
  const run = await start('escalates', { item })
  const spend = { modelMicroUsd: WORST_MICRO_USD + ANSWER_MICRO_USD, inputTokens: expect.any(Number), toolCalls: 2 }
  expect(await run.outcome()).toMatchObject({ state: 'completed', spend })
  expect(boxes.held(item)).toBe(1)
  const { timeline } = await run.status()
  expect(timeline.find(({ kind }) => kind === 'think')?.text).toContain('small-1')
})

test.concurrent('a call that is under way when the run is cancelled counts in full, and no other is made', async () => {
  const item = newItem()
  model.script(item, 'wait', 'wait')
  const run = await start('escalates', { item })
  await until('the call', async () => (model.asked(item) === 1 ? true : undefined))
  await run.cancel()
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'cancelled' },
    effects: [],
    spend: { modelMicroUsd: WORST_MICRO_USD },
  })
  expect(boxes.asked(item)).toEqual([])
  expect(model.asked(item)).toBe(1)
})

test.concurrent('a reset does not forget what was spent, and what was done is undone when it is too much', async () => {
  const item = newItem()
  model.script(item, 'hang up', 'hang up', 'answer')
  const run = await start('escalates', { item })
  const before = 2 * WORST_MICRO_USD + ANSWER_MICRO_USD
  expect(await run.outcome()).toMatchObject({ state: 'completed', spend: { modelMicroUsd: before } })
  expect(boxes.held(item)).toBe(1)
  const first = workflowTasksIn(await eventsOf(world().temporal, run))[0] ?? 0
  await reset(world().temporal, run, first)
  const after = await until('the end after the reset', async () => {
    const result = await shownResult(run)
    return result.state === 'completed' ? undefined : result
  })
  expect(after).toMatchObject({
    state: 'escalated',
    because: { code: 'model_budget_exceeded' },
    spend: { modelMicroUsd: before },
    effects: [{ step: 'box.put-1', state: 'undone' }],
  })
  expect(model.asked(item)).toBe(3)
  expect(boxes.held(item)).toBe(0)
})

test.concurrent('a second thought knows what the first has spent', async () => {
  const item = newItem()
  model.script(item, 'hang up', 'hang up', 'answer')
  const run = await start('refuses', { item, thinks: 2 })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: { code: 'model_budget_exceeded' },
    spend: { modelMicroUsd: 2 * WORST_MICRO_USD + ANSWER_MICRO_USD },
  })
  expect(model.asked(item)).toBe(3)
  expect(boxes.asked(item)).toEqual([])
})
