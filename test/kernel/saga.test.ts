import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { activitiesIn, endOf, eventsOf } from '../support/history.ts'
import { resolutionBy } from '../support/people.ts'
import { shownResult } from '../support/refunds.ts'
import { until } from '../support/world.ts'
import { newItem, useBoxes } from './box-world.ts'

const { world, boxes, start } = useBoxes()

const incidentOf = (run: RunHandle) =>
  until(`an incident of ${run.workflowId}`, async () => (await run.status()).incidents[0])
const puts = (...items: readonly string[]) => items.map((item) => ({ tool: 'put', item }))

test.concurrent('a failure undoes what was done, the last first, one after the other', async () => {
  const item = newItem()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => `${item}/${name}`) as [string, string, string]
  boxes.script(c, 'refuse')
  const run = await start('chain', { acts: puts(a, b, c) })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'precondition_failed' },
    effects: [{ state: 'undone' }, { state: 'undone' }, { state: 'not_done' }],
  })
  const undone = boxes.calls.filter(({ verb, item: of }) => verb === 'undo' && of.startsWith(item))
  expect(undone.map(({ item: of }) => of)).toEqual([b, a])

  const events = await eventsOf(world().temporal, run)
  const undos = activitiesIn(events).filter(({ type }) => type === 'box.put.undo')
  expect(undos.map(({ id }) => id)).toEqual(['box.put-3.undo', 'box.put-2.undo', 'box.put-1.undo'])
  for (const [at, next] of undos.slice(1).entries()) {
    const before = undos[at]
    expect(before === undefined ? 0 : Number(endOf(events, before)?.eventId)).toBeLessThan(next.eventId)
  }
  expect(undos[2]?.input).toMatchObject({
    warrant: {
      kind: 'undo',
      undoes: 'box.put-1',
      why: 'precondition_failed',
      by: null,
      runKey: (await run.result()).runKey,
    },
  })
})

test.concurrent('an undo is tried again as its contract says, and undoes once', async () => {
  const item = newItem()
  boxes.scriptUndo(item, 'throw before', 'throw after')
  const run = await start('chain', { acts: puts(item), finally: 'throw' })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }] })
  expect(boxes.asked(item, 'undo')).toHaveLength(3)
  expect(boxes.held(item)).toBe(0)
})

test.concurrent('a compensation that is stuck blocks the run, and the others are done all the same', async () => {
  const item = newItem()
  const [a, b] = [`${item}/a`, `${item}/b`]
  boxes.scriptUndo(b, 'refuse')
  const run = await start('chain', { acts: puts(a, b), finally: 'throw' })
  expect(await incidentOf(run)).toMatchObject({
    step: 'box.put-2',
    code: 'precondition_failed',
    message: expect.stringContaining('cannot be taken out'),
  })
  expect(await run.status()).toMatchObject({
    state: 'blocked',
    waitingFor: 'incident',
    effects: [{ state: 'undone' }, { state: 'stuck' }],
  })
  expect(boxes.held(a)).toBe(0)
  expect(boxes.held(b)).toBe(1)
  const listed = await until('the run among the blocked', async () =>
    (await world().client.list({ state: 'blocked', playbook: 'chain' })).find(
      (one) => one.workflowId === run.workflowId,
    ),
  )
  expect(listed).toMatchObject({ waitingFor: 'incident' })

  expect(await run.resolve({ step: 'box.put-1', resolution: 'retry', by: 'olga' })).toMatchObject({
    accepted: false,
    code: 'resolve_unknown_step',
  })
  expect(await run.resolve({ step: 'box.put-2', resolution: 'ignore' as 'retry', by: 'olga' })).toMatchObject({
    accepted: false,
    code: 'resolve_malformed',
  })
  expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'incident' })
  expect(await run.resolve({ step: 'box.put-2', resolution: 'retry', by: 'olga' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }, { state: 'undone' }] })
  expect(boxes.held(b)).toBe(0)
})

test.concurrent('an incident can be settled by a signal, and the effect is then settled and not undone', async () => {
  const item = newItem()
  boxes.scriptUndo(item, 'refuse')
  const run = await start('chain', { acts: puts(item), finally: 'throw' })
  const { step } = await incidentOf(run)
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  const { runKey } = await run.status()
  await handle.signal(
    'resolve',
    resolutionBy('olga', { runKey, step, resolution: 'settled' }, 'boxes', 'took it out by hand'),
  )
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'settled' }] })
  expect(boxes.asked(item, 'undo')).toHaveLength(1)
  const { timeline } = await run.status()
  expect(timeline.map(({ text }) => text)).toContainEqual(expect.stringContaining('took it out by hand'))
})

test.concurrent('an effect that cannot be undone is an incident when the run fails after it', async () => {
  const item = newItem()
  const run = await start('chain', { acts: [{ tool: 'burn', item }], finally: 'throw' })
  expect(await incidentOf(run)).toMatchObject({ step: 'box.burn-1', code: 'effect_irreversible' })
  await run.resolve({ step: 'box.burn-1', resolution: 'settled', by: 'olga' })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'settled', reversible: false }] })
  expect(boxes.held(item)).toBe(1)
})

test.concurrent('an effect that cannot be undone gives a completed run no undo window', async () => {
  const item = newItem()
  const run = await start('chain', { acts: [{ tool: 'burn', item }] })
  expect(await run.result()).toMatchObject({ state: 'completed', undoUntil: null, effects: [{ reversible: false }] })
})

test.concurrent('a run is cancelled while a write is under way: it is waited for and then undone', async () => {
  const item = newItem()
  const [a, b] = [`${item}/a`, `${item}/b`]
  boxes.script(b, 'wait')
  const run = await start('chain', { acts: puts(a, b) })
  await until('the write', async () => boxes.asked(b)[0])
  await run.cancel()
  await until('the cancellation', async () =>
    (await eventsOf(world().temporal, run)).find((event) => event.activityTaskCancelRequestedEventAttributes),
  )
  expect(boxes.asked(a, 'undo')).toEqual([])
  boxes.open()
  expect(await shownResult(run)).toMatchObject({
    state: 'reverted',
    because: { code: 'cancelled' },
    effects: [{ state: 'undone' }, { state: 'undone' }],
  })
  expect([boxes.held(a), boxes.held(b)]).toEqual([0, 0])
})

test.concurrent('a playbook that swallows its cancellation is reverted all the same', async () => {
  const item = newItem()
  const [a, b] = [`${item}/a`, `${item}/ask`]
  const run = await start('chain', { acts: puts(a, b), stubborn: true })
  await until('the question', async () => (await run.status()).pending[0])
  await run.cancel()
  expect(await shownResult(run)).toMatchObject({ state: 'reverted', because: { code: 'cancelled' } })
  expect([boxes.held(a), boxes.held(b)]).toEqual([0, 0])
})
