import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { eventsOf, typesOf } from '../support/history.ts'
import { pendingOf } from '../support/refunds.ts'
import { until } from '../support/world.ts'
import { newItem } from './box-world.ts'
import { incidentsOf, THOUGHT_MICRO_USD, useHostile } from './hostile-world.ts'

const { world, boxes, start } = useHostile()

/** Waits until the sleep of a playbook is over and the playbook has heard of it. */
const slept = (run: RunHandle) =>
  until(`the timer of ${run.workflowId}`, async () => {
    const types = typesOf(await eventsOf(world().temporal, run))
    const fired = types.indexOf('EVENT_TYPE_TIMER_FIRED')
    return fired >= 0 && types.lastIndexOf('EVENT_TYPE_WORKFLOW_TASK_COMPLETED') > fired ? true : undefined
  })

const nothingLate = (item: string) => expect(boxes.asked(`${item}/late`)).toEqual([])

test.concurrent('a write that floats is not executed once the body has returned', async () => {
  const item = newItem()
  const run = await start('ends', { item, does: 'float' })
  const { effects } = await run.outcome()
  expect(effects).toMatchObject([{ step: 'box.put-1', state: 'done' }])
  await slept(run)
  expect((await run.status()).effects).toEqual(effects)
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ step: 'box.put-1', state: 'undone' }] })
  nothingLate(item)
  expect(boxes.held(item)).toBe(0)
})

test.concurrent('a write that begins after the end, where no cancellation reaches, is not executed', async () => {
  const item = newItem()
  boxes.scriptUndo(item, 'refuse')
  const run = await start('ends', { item, does: 'float past the end' })
  await incidentsOf(run)
  await slept(run)
  expect((await run.status()).effects).toMatchObject([{ step: 'box.put-1', state: 'stuck' }])
  await run.resolve({ step: 'box.put-1', resolution: 'retry', by: 'olga' })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ step: 'box.put-1', state: 'undone' }] })
  nothingLate(item)
})

test.concurrent('a loop that catches every denial ends refused, and what was done is undone', async () => {
  const item = newItem()
  const run = await start('ends', { item, does: 'loop around a denial' })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: { code: 'denied_by_policy' },
    effects: [{ step: 'box.put-1', state: 'undone' }],
  })
  expect(boxes.asked(`${item}/forbidden`)).toEqual([])
  expect(boxes.held(item)).toBe(0)
})

test.concurrent('a loop that catches every cancellation ends reverted, and what was done is undone', async () => {
  const item = newItem()
  const run = await start('ends', { item, does: 'loop around a question' })
  await pendingOf(run)
  await run.cancel()
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'cancelled' },
    effects: [{ step: 'box.put-1', state: 'undone' }],
  })
  expect(boxes.asked(`${item}/ask`)).toEqual([])
  expect(boxes.held(item)).toBe(0)
})

test.concurrent('thoughts side by side do not spend beyond the cap', async () => {
  const item = newItem()
  const run = await start('ends', { item, does: 'think at once' })
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'model_budget_exceeded' },
    spend: { modelMicroUsd: THOUGHT_MICRO_USD },
    effects: [{ state: 'undone' }],
  })
  expect(boxes.held(item)).toBe(0)
})

test.concurrent.for([
  ['throw half', 'reverted', 'playbook_failed'],
  ['refuse with half', 'refused', 'refused_by_playbook'],
  ['throw null', 'reverted', 'playbook_failed'],
  ['throw nothing', 'reverted', 'playbook_failed'],
] as const)('a playbook whose end is to %s ends %s', async ([does, state, code]) => {
  const item = newItem()
  const run = await start('ends', { item, does })
  expect(await run.result()).toMatchObject({ state, because: { code }, effects: [{ state: 'undone' }] })
  expect(boxes.held(item)).toBe(0)
  const other = newItem()
  expect(await (await start('ends', { item: other, does: 'put' })).outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(other)).toBe(1)
})

test.concurrent('a plan with half a character stands in a warrant all the same', async () => {
  const item = newItem()
  const run = await start('ends', { item, does: 'plan half' })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
})

test.for(['spin', 'spin in promises'] as const)(
  'a playbook that would %s for ever is stopped in the middle, and other runs go on',
  { timeout: 60_000 },
  async (does) => {
    const [item, other] = [newItem(), newItem()]
    const beside = Array.from({ length: 8 }, newItem)
    const run = await start('ends', { item, does })
    // They wait behind it in its thread, and it must be told from them when it is ended.
    const others = Promise.all(
      beside.map(async (one) => await (await start('ends', { item: one, does: 'put' })).outcome()),
    )
    const failed = await until('a failed workflow task', async () =>
      (await eventsOf(world().temporal, run)).find((event) => event.workflowTaskFailedEventAttributes != null),
    )
    expect(failed.workflowTaskFailedEventAttributes?.failure?.message).toMatch(/Script execution timed out after \d+ms/)
    await world().temporal.workflow.getHandle(run.workflowId).terminate('it spins')
    expect((await others).map(({ state }) => state)).toEqual(beside.map(() => 'completed'))
    expect(await (await start('ends', { item: other, does: 'put' })).outcome()).toMatchObject({ state: 'completed' })
    expect(boxes.held(other)).toBe(1)
  },
)

test.concurrent('runs of one thread find no globals but their own', async () => {
  const untouched = {
    added: 'undefined',
    marked: 'undefined',
    hidden: 'undefined',
    replaced: 'as it was',
    frozen: 'undefined',
    hasInt8Array: true,
    hasConsole: true,
  }
  const items = Array.from({ length: 8 }, newItem)
  await Promise.all(
    items.map(async (item) => {
      const { outcome } = await (await start('ends', { item, does: 'globals' })).outcome()
      const own = { added: item, marked: item, hidden: item, replaced: item, frozen: 'false' }
      const spoilt = { ...own, hasInt8Array: false, hasConsole: false }
      expect(outcome).toEqual({ first: untouched, spoilt, last: spoilt })
    }),
  )
})
