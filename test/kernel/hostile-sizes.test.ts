import { expect, test } from 'vitest'
import { MAX_ARGUMENT_CHARACTERS } from '../../src/contract/limits.ts'
import { newItem } from './box-world.ts'
import { incidentsOf, useHostile } from './hostile-world.ts'

const { boxes, start } = useHostile()

/** What stands of an item and of all that are named after it, and how much of it was ever asked for. */
const stands = (item: string) => {
  const asked = boxes.calls.filter(({ verb, item: of }) => verb === 'execute' && of.startsWith(item))
  const counts = [...new Set(asked.map((call) => call.item))].map(boxes.held)
  return { asked: asked.length, held: counts.reduce((sum, count) => sum + count, 0) }
}

test.concurrent.for([
  ['an input', 'act', 1, MAX_ARGUMENT_CHARACTERS],
  ['an input that Temporal would not carry', 'act', 1, 2_200_000],
  ['evidence', 'cite', 5, 240_000],
] as const)('a write with %s above the cap fails typed, and what was done is undone', async ([, does, count, size]) => {
  const item = newItem()
  const run = await start('bulk', { item, does, count, size })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'input_invalid', message: expect.stringContaining(`at most ${MAX_ARGUMENT_CHARACTERS}`) },
    effects: [
      { step: 'box.put-1', state: 'undone' },
      { step: 'box.put-2', state: 'not_done' },
    ],
  })
  expect(stands(item)).toEqual({ asked: 1, held: 0 })
  expect((await run.status()).state).toBe('reverted')
})

test.concurrent('many writes of 100 KB side by side are all done', async () => {
  const item = newItem()
  const run = await start('bulk', { item, does: 'act side by side', count: 24, size: 100_000 })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { done: 24 } })
  expect(stands(item)).toEqual({ asked: 25, held: 25 })
  expect((await run.status()).effects).toHaveLength(25)
})

test.concurrent('many reads of 200 KB side by side are all answered', async () => {
  const item = newItem()
  const run = await start('bulk', { item, does: 'read side by side', count: 16, size: 200_000 })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { done: 16 } })
})

test.concurrent.for([
  [6, 60_000],
  [8, 150_000],
  [5, 240_000],
] as const)('%i writes of %i characters, in and out, are compensated', async ([count, size]) => {
  const item = newItem()
  const run = await start('bulk', { item, does: 'act and throw', count, size })
  const result = await run.result()
  expect(result).toMatchObject({ state: 'reverted', because: { code: 'playbook_failed' } })
  expect(result.effects.map(({ state }) => state)).toEqual(Array.from({ length: count + 1 }, () => 'undone'))
  expect(stands(item)).toEqual({ asked: count + 1, held: 0 })
})

test.concurrent('a result above the cap is an incident, since it cannot be recorded what to undo', async () => {
  const item = newItem()
  const run = await start('bulk', { item, does: 'act', count: 1, size: 450_000 })
  expect(await incidentsOf(run)).toMatchObject([{ step: 'box.put-2', code: 'result_too_large' }])
  expect((await run.status()).effects).toMatchObject([{ state: 'undone' }, { state: 'stuck' }])
  await run.resolve({ step: 'box.put-2', resolution: 'settled', by: 'olga' })
  expect(await run.result()).toMatchObject({ state: 'reverted', because: { code: 'result_too_large' } })
  expect(boxes.held(item)).toBe(0)
})

test.concurrent('a refusal in two million characters is one', async () => {
  const item = newItem()
  const run = await start('bulk', { item, does: 'refuse', size: 2_200_000 })
  const result = await run.result()
  expect(result).toMatchObject({
    state: 'refused',
    because: { code: 'refused_by_playbook' },
    effects: [{ state: 'undone' }],
  })
  expect(result.because?.message.length).toBeLessThanOrEqual(4_000)
  expect(stands(item)).toEqual({ asked: 1, held: 0 })
})
