import { expect, test } from 'vitest'
import { activitiesIn, eventsOf, typesOf } from '../support/history.ts'
import { pendingLimitOf } from '../support/refunds.ts'
import { newItem, useBudgets } from './budget-world.ts'

const { world, boxes, model, start } = await useBudgets()

const approving = (by = 'ben') => ({ decision: 'approve', by }) as const

test.concurrent.for([
  ['escalates', 'escalated', 4, 'a read'],
  ['refuses', 'refused', 4, 'a read'],
  ['escalates', 'escalated', 3, 'the write'],
  ['refuses', 'refused', 3, 'the write'],
] as const)(
  'a policy that %s: the run is %s when %i looks make %s the fifth call',
  async ([playbook, state, looks]) => {
    const item = newItem()
    const run = await start(playbook, { item, looks })
    expect(await run.result()).toMatchObject({
      state,
      because: {
        code: 'tool_budget_exceeded',
        message: 'the policy allows 4 tool calls, and the run needs another one',
      },
      effects: [],
      spend: { toolCalls: 4 },
    })
    expect(boxes.asked(item)).toEqual([])
  },
)

test.concurrent('a write past the cap is asked for, and done under the raised one', async () => {
  const item = newItem()
  const run = await start('asks', { item, looks: 3 })
  const { step, actionDigest, describe, raise } = await pendingLimitOf(run)
  expect(describe).toBe('raise the budget from 4 tool calls to 8 tool calls')
  expect(raise).toMatchObject({ limit: 'tool_calls', from: 4, to: 8, used: 4, neededBy: 'box.put-1', needs: 1 })
  expect(boxes.asked(item)).toEqual([])
  expect(await run.decide({ step, actionDigest, ...approving() })).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed', spend: { toolCalls: 5 } })
  expect(boxes.held(item)).toBe(1)
})

test.concurrent('reads side by side past the cap ask once, and again at the next cap', async () => {
  const item = newItem()
  const run = await start('asks', { item, looks: 10 })
  const first = await pendingLimitOf(run)
  expect((await run.status()).pending).toHaveLength(1)
  expect(first.raise).toMatchObject({ neededBy: 'box.look-4', from: 4, to: 8 })
  await run.decide({ step: first.step, actionDigest: first.actionDigest, ...approving() })
  const second = await pendingLimitOf(run, first.actionDigest)
  expect(second).toMatchObject({ step: 'tool_calls-2', raise: { from: 8, to: 12, neededBy: 'box.look-8' } })
  await run.decide({ step: second.step, actionDigest: second.actionDigest, ...approving('carl') })
  expect(await run.outcome()).toMatchObject({ state: 'completed', spend: { toolCalls: 12 } })
  expect(boxes.held(item)).toBe(1)
})

test.concurrent('a rejected raise refuses the run, and reads that wait beside it ask nobody', async () => {
  const item = newItem()
  const run = await start('asks', { item, looks: 10 })
  const { step, actionDigest } = await pendingLimitOf(run)
  await run.decide({ step, actionDigest, decision: 'reject', by: 'ben', comment: 'enough' })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: {
      code: 'approval_rejected',
      message: 'ben said no to `raise the budget from 4 tool calls to 8 tool calls`: enough',
    },
    effects: [],
    spend: { toolCalls: 4 },
  })
  const { timeline } = await run.status()
  expect(timeline.filter(({ kind }) => kind === 'ask')).toHaveLength(1)
  expect(boxes.asked(item)).toEqual([])
  expect(model.asked(item)).toBe(0)
})

test.concurrent('a run that is cancelled while it asks is reverted', async () => {
  const item = newItem()
  const run = await start('asks', { item, looks: 10 })
  await pendingLimitOf(run)
  await run.cancel()
  expect(await run.result()).toMatchObject({ state: 'reverted', because: { code: 'cancelled' }, effects: [] })
  const { timeline } = await run.status()
  expect(timeline.filter(({ kind }) => kind === 'ask')).toHaveLength(1)
  expect(boxes.asked(item)).toEqual([])
})

test.concurrent('a run within its caps asks nobody and waits for nothing', async () => {
  const item = newItem()
  const run = await start('asks', { item, looks: 2 })
  expect(await run.outcome()).toMatchObject({ state: 'completed', spend: { toolCalls: 4 } })
  const events = await eventsOf(world().temporal, run)
  expect(typesOf(events)).not.toContain('EVENT_TYPE_TIMER_STARTED')
  expect(activitiesIn(events).map(({ type }) => type)).toEqual(['model.think', 'box.put'])
})
