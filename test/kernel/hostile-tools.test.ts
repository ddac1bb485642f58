import { expect, inject, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { query, until } from '../support/world.ts'
import { newItem } from './box-world.ts'
import { incidentsOf, useHostile } from './hostile-world.ts'

const { world, boxes, start, times, within } = useHostile()

const ledgerOf = async (run: RunHandle): Promise<readonly string[]> => {
  const { rows } = await query(
    world().databaseUrl,
    'SELECT step, state FROM countersign.effects WHERE run_key LIKE $1 ORDER BY claimed_at',
    [`${run.workflowId}/%`],
  )
  return rows.map(({ step, state }) => `${String(step)}: ${String(state)}`)
}

test.concurrent('a tool whose input schema changes what it has parsed already is not executed', async () => {
  const item = newItem()
  const run = await start('odds', { item, tool: 'dollars' })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'input_invalid', message: expect.stringContaining('hostile.dollars') },
    effects: [{ state: 'undone' }, { step: 'hostile.dollars-1', state: 'not_done' }],
  })
  expect([times('dollars', item), times('undo dollars', item)]).toEqual([0, 0])
  expect(boxes.held(item)).toBe(0)
})

test.concurrent.for(['foreign', 'cause'])(
  'an error of a library that looks like one of ours (%s) does not say that nothing happened',
  async (mode) => {
    const item = newItem()
    const run = await start('odds', { item, tool: 'charge', mode })
    const [incident] = await incidentsOf(run)
    expect(incident).toMatchObject({ step: 'hostile.charge-1', code: 'effect_unknown' })
    expect(await ledgerOf(run)).toContain('hostile.charge-1: unknown')
    expect(times('charge', item)).toBe(1)
    await run.resolve({ step: 'hostile.charge-1', resolution: 'settled', by: 'olga' })
    expect(await run.result()).toMatchObject({
      state: 'reverted',
      effects: [{ state: 'undone' }, { state: 'settled' }],
    })
    expect(times('charge', item)).toBe(1)
  },
)

test.concurrent('a model’s word that is named like the record does not stand in for it', async () => {
  const item = newItem()
  const run = await start('believer', { item })
  expect(await run.result()).toMatchObject({ state: 'escalated', because: { code: 'evidence_missing' }, effects: [] })
  expect(times('payout', item)).toBe(0)
})

test.concurrent.for([
  ['half, typed', 'tool_failed', 1],
  ['half, plain', 'tool_threw', 3],
] as const)('a tool that fails with half a character (%s) fails like any other', async ([mode, code, attempts]) => {
  const item = newItem()
  const run = await start('odds', { item, tool: 'odd', mode })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code, message: expect.stringContaining('\ufffd') },
    effects: [{ state: 'undone' }, { state: 'undone' }],
  })
  // The compensation asks once more with the same key, and undoes what it is then told.
  expect([times('odd', item), times('undo odd', item)]).toEqual([attempts + 1, 1])
  expect(boxes.held(item)).toBe(0)
  const next = await start('odds', { item: newItem(), tool: 'odd' })
  expect(await next.outcome()).toMatchObject({ state: 'completed' })
})

test.concurrent.for([
  ['ask text', 'output_invalid'],
  ['ask undefined', 'output_invalid'],
  ['ask too much', 'result_too_large'],
] as const)('a preview that cannot be one (%s) is never shown', async ([mode, code]) => {
  const item = newItem()
  const run = await start('odds', { item, tool: 'odd', mode })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code, message: expect.stringContaining('preview') },
    effects: [{ step: 'box.put-1', state: 'undone' }],
  })
  const { timeline } = await run.status()
  expect(timeline.map(({ kind }) => kind)).not.toContain('ask')
  expect(times('odd', item)).toBe(0)
  expect(boxes.held(item)).toBe(0)
})

test.concurrent('an undo that says nothing has undone all the same', async () => {
  const item = newItem()
  const run = await start('odds', { item, tool: 'odd', mode: 'undo says nothing', finally: 'throw' })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }, { state: 'undone' }] })
  expect([times('odd', item), times('undo odd', item)]).toEqual([1, 1])
  expect(await ledgerOf(run)).toContain('hostile.odd-1: undone')
})

test('a connection that breaks inside a transaction costs an attempt and not the process', async () => {
  const item = newItem()
  const admin = inject('databaseUrl')
  const broken: number[] = []
  within.hook = async (backend) => {
    if (broken.length > 0) return
    broken.push(backend)
    await query(admin, 'SELECT pg_terminate_backend($1)', [backend])
    await until('the end of the backend', async () => {
      const { rows } = await query(admin, 'SELECT 1 FROM pg_stat_activity WHERE pid = $1', [backend])
      return rows.length === 0 ? true : undefined
    })
  }
  const run = await start('odds', { item, tool: 'book' })
  expect(await run.outcome()).toMatchObject({ state: 'completed', effects: [{ state: 'done' }, { state: 'done' }] })
  expect(broken).toEqual([expect.any(Number)])
  expect(times('book', item)).toBe(1)
  const booked = () => query(world().databaseUrl, 'SELECT item FROM booked WHERE item = $1', [item])
  expect((await booked()).rows).toEqual([{ item }])
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  expect((await booked()).rows).toEqual([])
})
