import { expect, test } from 'vitest'
import type { ThinkCall } from '../../src/contract/calls.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { newItem, useBudgets } from './budget-world.ts'
import { WORST_MICRO_USD } from './contracts.ts'

const { world, boxes, model, start } = await useBudgets()

const thoughtOf = async (run: Parameters<typeof eventsOf>[1]) =>
  activitiesIn(await eventsOf(world().temporal, run)).find(({ type }) => type === 'model.think')?.input as ThinkCall

test.concurrent.for([
  ['a value below every entry', '499.00 USD', 3],
  ['a value that an entry begins with', '500.00 USD', 5],
  ['a value between two entries', '999.00 USD', 5],
  ['a value above all entries', '100000.00 USD', 7],
  ['no value', '', 3],
  ['a value in another currency', '5000.00 EUR', 3],
  ['a value that cannot be told', '666.00 USD', 3],
] as const)('%s (%s) lets the model be asked %i times', async ([, worth, times]) => {
  const item = newItem(worth)
  model.script(item, ...Array.from({ length: 9 }, () => 'hang up' as const))
  const run = await start('values', { item })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: {
      code: 'model_budget_exceeded',
      message: `the model budget of $0.0${times}00 does not cover another call`,
    },
    effects: [],
    spend: { modelMicroUsd: times * WORST_MICRO_USD },
  })
  expect(model.asked(item)).toBe(times)
  expect(boxes.asked(item)).toEqual([])
  const { value } = await thoughtOf(run)
  expect(value?.receipt.tool).toBe(times === 3 ? undefined : 'box.appraise')
})

test.concurrent.for([
  ['499.00 USD', 4],
  ['500.00 USD', 6],
  // The highest entry says nothing of tool calls: what holds below it holds.
  ['5000.00 USD', 6],
] as const)('a run that is worth $%s may make %i tool calls', async ([worth, calls]) => {
  const item = newItem(worth)
  const run = await start('values', { item, looks: calls })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: {
      code: 'tool_budget_exceeded',
      message: `the policy allows ${calls} tool calls, and the run needs another one`,
    },
    spend: { toolCalls: calls },
    effects: [],
  })
  expect(boxes.asked(item)).toEqual([])
  const within = newItem(worth)
  expect(await (await start('values', { item: within, looks: calls - 2 })).outcome()).toMatchObject({
    state: 'completed',
  })
  expect(boxes.held(within)).toBe(1)
})

test.concurrent('a policy that has one cap for every value is shown no value', async () => {
  const run = await start('asks', { item: newItem('5000.00 USD') })
  await run.outcome()
  expect(Object.keys(await thoughtOf(run))).toEqual(['runKey', 'step', 'thought', 'input'])
})
