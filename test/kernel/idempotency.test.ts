import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { until } from '../support/world.ts'
import { newItem, useBoxes } from './box-world.ts'

const { boxes, start } = useBoxes()

const one = (tool: string, item: string, more: object = {}): Promise<RunHandle> =>
  start('chain', { acts: [{ tool, item }], ...more })
const incidentOf = (run: RunHandle) =>
  until(`an incident of ${run.workflowId}`, async () => (await run.status()).incidents[0])
const settle = (run: RunHandle, step: string, resolution: 'retry' | 'settled') =>
  run.resolve({ step, resolution, by: 'olga', comment: '' })

test.concurrent.for(['throw before', 'throw after'] as const)(
  'key: an attempt that did %s is followed by one with the same key, and the effect stands once',
  async (turn) => {
    const item = newItem()
    boxes.script(item, turn, turn)
    const run = await one('put', item)
    expect(await run.outcome()).toMatchObject({ state: 'completed', effects: [{ state: 'done' }] })
    const keys = boxes.asked(item).map(({ key }) => key)
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^[a-z0-9_]{1,64}$/)
    expect(boxes.held(item)).toBe(1)
  },
)

test.concurrent('key: two steps of one run have two keys', async () => {
  const item = newItem()
  const run = await start('chain', {
    acts: [
      { tool: 'put', item },
      { tool: 'put', item },
    ],
  })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(new Set(boxes.asked(item).map(({ key }) => key)).size).toBe(2)
  expect(boxes.held(item)).toBe(2)
})

test.concurrent('key: an effect whose outcome is unknown to the end is asked for with its key, and then undone', async () => {
  const item = newItem()
  boxes.script(item, 'throw after', 'throw after', 'throw after', 'throw after')
  const run = await one('put', item)
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'tool_threw' },
    effects: [{ state: 'undone' }],
  })
  expect(boxes.held(item)).toBe(0)
})

test.concurrent('key: a refusal after an attempt of unknown outcome does not make it as if nothing had happened', async () => {
  const item = newItem()
  boxes.script(item, 'throw after', 'refuse')
  const run = await one('put', item)
  const end = await Promise.race([
    run.result().then(({ effects }) => effects[0]?.state),
    incidentOf(run).then(() => 'incident'),
  ])
  expect([end, boxes.held(item)]).toBeOneOf([
    ['undone', 0],
    ['incident', 1],
  ])
})

test.concurrent('key: once the system may have forgotten the key, nothing is asked for again, and a person settles it', async () => {
  const item = newItem()
  boxes.script(item, 'throw after')
  const run = await one('lend', item)
  expect(await incidentOf(run)).toMatchObject({ step: 'box.lend-1', code: 'effect_unknown' })
  expect(boxes.asked(item)).toHaveLength(1)
  await settle(run, 'box.lend-1', 'settled')
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'settled' }] })
  expect([boxes.asked(item).length, boxes.asked(item, 'undo').length, boxes.held(item)]).toEqual([1, 0, 1])
})

test.concurrent('probe: the system is asked, and what happened is not done again', async () => {
  const item = newItem()
  boxes.script(item, 'throw after')
  const run = await one('send', item)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.asked(item)).toHaveLength(1)
  expect(boxes.asked(item, 'probe')).toHaveLength(1)
  expect(boxes.held(item)).toBe(1)
})

test.concurrent('probe: the system is asked, and what did not happen is done', async () => {
  const item = newItem()
  boxes.script(item, 'throw before')
  const run = await one('send', item)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.asked(item)).toHaveLength(2)
  expect(boxes.held(item)).toBe(1)
})

test.concurrent('probe: an unknown outcome is settled before it is undone', async () => {
  const item = newItem()
  const last = `${item}/last`
  boxes.script(item, 'throw after')
  boxes.script(last, 'refuse')
  const run = await start('chain', {
    acts: [
      { tool: 'send', item },
      { tool: 'send', item: last },
    ],
  })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'precondition_failed' },
    effects: [{ state: 'undone' }, { state: 'not_done' }],
  })
  expect(boxes.held(item)).toBe(0)
})

test.concurrent.for(['throw before', 'throw after'] as const)(
  'none: an attempt that did %s is never repeated; the run waits for a person, who settles it',
  async (turn) => {
    const item = newItem()
    boxes.script(item, turn)
    const run = await one('drop', item)
    expect(await incidentOf(run)).toMatchObject({ step: 'box.drop-1', code: 'effect_unknown' })
    expect(await run.status()).toMatchObject({
      state: 'blocked',
      waitingFor: 'incident',
      effects: [{ state: 'stuck' }],
    })
    expect(await settle(run, 'box.drop-1', 'settled')).toMatchObject({ accepted: true })
    expect(await run.result()).toMatchObject({
      state: 'reverted',
      because: { code: 'effect_unknown' },
      effects: [{ state: 'settled' }],
    })
    expect(boxes.asked(item)).toHaveLength(1)
    expect(boxes.asked(item, 'undo')).toEqual([])
  },
)

test.concurrent('none: trying again does not guess, and the incident stays', async () => {
  const item = newItem()
  boxes.script(item, 'throw after')
  const run = await one('drop', item)
  const first = await incidentOf(run)
  expect(await settle(run, 'box.drop-1', 'retry')).toMatchObject({ accepted: true })
  const second = await until('another incident', async () => {
    const [incident] = (await run.status()).incidents
    return incident?.since === first.since ? undefined : incident
  })
  expect(second).toMatchObject({ code: 'effect_unknown' })
  await settle(run, 'box.drop-1', 'settled')
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  expect(boxes.asked(item)).toHaveLength(1)
})

test.concurrent('none: a refusal for certain is a failure with nothing to settle', async () => {
  const item = newItem()
  boxes.script(item, 'refuse')
  const run = await one('drop', item)
  expect(await run.result()).toMatchObject({
    state: 'failed',
    because: { code: 'precondition_failed' },
    effects: [{ state: 'not_done' }],
  })
  expect(boxes.held(item)).toBe(0)
})

test.concurrent('a write that the playbook got over is barred from happening late', async () => {
  const item = newItem()
  boxes.script(item, 'throw before', 'throw before', 'throw before', 'throw before')
  const run = await start('chain', {
    acts: [
      { tool: 'send', item },
      { tool: 'put', item: `${item}/b` },
    ],
    stubborn: true,
  })
  expect(await run.outcome()).toMatchObject({
    state: 'completed',
    effects: [{ state: 'not_done' }, { state: 'done' }],
  })
  expect(boxes.held(item)).toBe(0)
})
