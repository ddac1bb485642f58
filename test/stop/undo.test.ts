import { expect, test } from 'vitest'
import { newItem } from '../kernel/box-world.ts'
import { eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { approvalOf, pendingOf, shownResult } from '../support/refunds.ts'
import { until } from '../support/world.ts'
import { inForce, puts, stoppedAt, useStops } from './stop-world.ts'

const { world, boxes, start, stop, goOn } = useStops()

const SCOPES = ['run', 'playbook', 'workspace'] as const

test.each(SCOPES)('what was done can be undone while its %s is stopped', async (scope) => {
  const item = newItem()
  const { run, workspace } = await start('chain', { acts: puts(item) })
  await run.outcome()
  await inForce(await stop(scope, { run: run.workflowId, playbook: 'chain', workspace }[scope]))
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }] })
  expect(boxes.held(item)).toBe(0)
})

test('a system whose tool is stopped is not called to undo either: an incident, until it is resumed', async () => {
  const item = newItem()
  const { run } = await start('chain', { acts: puts(item) })
  await run.outcome()
  const placed = await stop('tool', 'box.put')
  await run.undo({ by: 'olga' })
  expect(await stoppedAt(run)).toMatchObject({ step: 'box.put-1', stop: { id: placed.id } })
  expect(boxes.asked(item, 'undo')).toEqual([])
  expect(boxes.held(item)).toBe(1)
  await goOn(run)
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }] })
  expect(boxes.asked(item, 'undo')).toHaveLength(1)
})

test.each(SCOPES)('a run that waits at a stop of its %s can be cancelled: what it did is undone', async (scope) => {
  const item = newItem()
  const [a, b] = [`${item}/a`, `${item}/ask`]
  const { run, workspace } = await start('chain', { acts: puts(a, b) })
  const pending = await pendingOf(run)
  await stop(scope, { run: run.workflowId, playbook: 'chain', workspace }[scope])
  await run.decide(approvalOf(pending))
  await stoppedAt(run)
  await run.cancel()
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'cancelled' },
    effects: [{ state: 'undone' }, { state: 'not_done' }],
  })
  expect(await run.status()).toMatchObject({ incidents: [], waitingFor: null })
  expect([boxes.held(a), boxes.held(b)]).toEqual([0, 0])
  expect(boxes.asked(b)).toEqual([])
})

test('settled, a run that waits at a stop is handed over: what it did is undone, and the stopped write is barred', async () => {
  const item = newItem()
  const [a, b] = [`${item}/a`, `${item}/ask`]
  const { run } = await start('chain', { acts: puts(a, b) })
  const pending = await pendingOf(run)
  await stop('run', run.workflowId)
  await run.decide(approvalOf(pending))
  const { step, message } = await stoppedAt(run)
  await run.resolve({ step, resolution: 'settled', by: 'otto', comment: 'over to the team' })
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'stopped', message },
    effects: [{ state: 'undone' }, { state: 'not_done' }],
  })
  expect([boxes.held(a), boxes.held(b)]).toEqual([0, 0])
  expect(boxes.asked(b)).toEqual([])
})

test('barring what never happened calls nobody, so a stop of its tool is no hindrance', async () => {
  const item = `${newItem()}/ask`
  const { run } = await start('chain', { acts: [{ tool: 'drop', item }] })
  const pending = await pendingOf(run)
  await stop('tool', 'box.drop')
  await run.decide(approvalOf(pending))
  const { step } = await stoppedAt(run)
  await run.resolve({ step, resolution: 'settled', by: 'otto' })
  expect(await run.result()).toMatchObject({ state: 'escalated', effects: [{ state: 'not_done' }] })
  expect(boxes.asked(item)).toEqual([])
})

test('a run that is reset while it is stopped waits at its first step, and what it did is undone when it is cancelled', async () => {
  const item = newItem()
  const { run } = await start('chain', { acts: puts(`${item}/a`, `${item}/ask`) })
  await pendingOf(run)
  await inForce(await stop('run', run.workflowId))
  const [first] = workflowTasksIn(await eventsOf(world().temporal, run))
  await reset(world().temporal, run, first ?? 0)
  expect(await stoppedAt(run)).toMatchObject({ step: 'box.put-1' })
  expect(boxes.held(`${item}/a`)).toBe(1)
  await run.cancel()
  expect(await shownResult(run)).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }] })
  expect(boxes.held(`${item}/a`)).toBe(0)
})

test('a run that is reset and resumed adopts what it did, and does the rest once', async () => {
  const item = newItem()
  const { run } = await start('chain', { acts: puts(`${item}/a`, `${item}/ask`) })
  await pendingOf(run)
  await inForce(await stop('run', run.workflowId))
  const [first] = workflowTasksIn(await eventsOf(world().temporal, run))
  await reset(world().temporal, run, first ?? 0)
  await stoppedAt(run)
  await goOn(run)
  await run.decide(approvalOf(await pendingOf(run)))
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(boxes.asked(`${item}/a`)).toHaveLength(1)
  await until('the second', async () => (boxes.held(`${item}/ask`) === 1 ? true : undefined))
})
