import { expect, test } from 'vitest'
import { MAX_ARGUMENT_CHARACTERS, MAX_INPUT_CHARACTERS } from '../../src/contract/limits.ts'
import { reconcileId } from '../../src/audit/sweep.ts'
import { newItem } from './box-world.ts'
import { incidentsOf, useHostile } from './hostile-world.ts'

const { boxes, start, times, world } = useHostile()

/** What stands of an item and of all that are named after it, and how much of it was ever asked for. */
const stands = (item: string) => {
  const asked = boxes.calls.filter(({ verb, item: of }) => verb === 'execute' && of.startsWith(item))
  const counts = [...new Set(asked.map((call) => call.item))].map(boxes.held)
  return { asked: asked.length, held: counts.reduce((sum, count) => sum + count, 0) }
}

test.concurrent.for([
  ['an input', 'act', 1, MAX_INPUT_CHARACTERS, MAX_INPUT_CHARACTERS],
  ['evidence', 'cite', 5, 1_900_000, MAX_ARGUMENT_CHARACTERS],
] as const)(
  'a write with %s above the cap fails typed, and what was done is undone',
  async ([, does, count, size, most]) => {
    const item = newItem()
    const run = await start('bulk', { item, does, count, size })
    expect(await run.result()).toMatchObject({
      state: 'reverted',
      because: { code: 'input_invalid', message: expect.stringContaining(`at most ${most}`) },
      effects: [
        { step: 'box.put-1', state: 'undone' },
        { step: 'box.put-2', state: 'not_done' },
      ],
    })
    expect(stands(item)).toEqual({ asked: 1, held: 0 })
    expect((await run.status()).state).toBe('reverted')
  },
)

test.concurrent('many writes of 100 KB side by side are all done', async () => {
  const item = newItem()
  const run = await start('bulk', { item, does: 'act side by side', count: 24, size: 100_000 })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { done: 24 } })
  expect(stands(item)).toEqual({ asked: 25, held: 25 })
  expect((await run.status()).effects).toHaveLength(25)
})

test('many reads of 200 KB side by side are all answered, and reconciled', async () => {
  const item = newItem()
  const run = await start('bulk', { item, does: 'read side by side', count: 16, size: 200_000 })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { done: 16 } })
  // What is kept beside the history is read with it.
  const sides = { client: world().temporal, db: world().db }
  expect(await reconcileId(sides, run.workflowId)).toMatchObject([{ findings: [] }])
  await world()
    .db.updateTable('countersign.blobs')
    .set({ content: Buffer.from('{}') })
    .execute()
  const [altered] = await reconcileId(sides, run.workflowId)
  expect(altered?.findings.map(({ code }) => code)).toEqual(Array.from({ length: 16 }, () => 'reading_claimed'))
})

test.concurrent.for([
  [6, 60_000],
  [8, 150_000],
  [5, 240_000],
  [3, 900_000],
] as const)('%i writes of %i characters, in and out, are compensated', async ([count, size]) => {
  const item = newItem()
  const run = await start('bulk', { item, does: 'act and throw', count, size })
  const result = await run.result()
  expect(result).toMatchObject({ state: 'reverted', because: { code: 'playbook_failed' } })
  expect(result.effects.map(({ state }) => state)).toEqual(Array.from({ length: count + 1 }, () => 'undone'))
  expect(stands(item)).toEqual({ asked: count + 1, held: 0 })
})

test.concurrent.for(['tells too much', 'tells 200 MB'])(
  'a result above the cap (%s) is an incident, since it cannot be recorded what to undo',
  async (mode) => {
    const item = newItem()
    const run = await start('odds', { item, tool: 'odd', mode })
    expect(await incidentsOf(run)).toMatchObject([{ step: 'hostile.odd-1', code: 'result_too_large' }])
    expect((await run.status()).effects).toMatchObject([{ state: 'undone' }, { state: 'stuck' }])
    await run.resolve({ step: 'hostile.odd-1', resolution: 'settled', by: 'olga' })
    expect(await run.result()).toMatchObject({ state: 'reverted', because: { code: 'result_too_large' } })
    expect([boxes.held(item), times('undo odd', item)]).toEqual([0, 0])
  },
)

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
