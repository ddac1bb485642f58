import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { newItem } from '../kernel/box-world.ts'
import { shownResult } from '../support/refunds.ts'
import { query, until } from '../support/world.ts'
import { puts, useStops } from './stop-world.ts'

const { world, boxes, stop, resume } = useStops()

const RUNS = 24
const WRITES = 15

test('of many writes on two hosts none is claimed more than a second after the stop, and resumed each happens once', async () => {
  await world().startWorker()
  const workspace = `space-${randomUUID()}`
  const items = Array.from({ length: RUNS }, () => Array.from({ length: WRITES }, newItem))
  const runs = await Promise.all(
    items.map((mine) =>
      world().client.start(
        'chain',
        { acts: puts(...mine) },
        { principal: { subject: 'ana', workspace }, workflowId: `chain-${randomUUID()}` },
      ),
    ),
  )
  const held = () => items.flat().filter((item) => boxes.held(item) > 0).length
  await until('a third of the writes', async () => (held() > (RUNS * WRITES) / 3 ? true : undefined))
  const placed = await stop('workspace', workspace)
  for (const run of runs) {
    await until(`${run.workflowId} to stand still`, async () => {
      const { state, waitingFor } = await run.status()
      return waitingFor === 'incident' || state === 'completed' ? true : undefined
    })
  }

  const { rows } = await query(
    world().databaseUrl,
    `SELECT count(*)::int AS claimed, (count(*) FILTER (WHERE state = 'done'))::int AS done,
       extract(epoch FROM max(claimed_at) - $1)::float8 AS last
     FROM countersign.effects WHERE state <> 'failed'`,
    [placed.at],
  )
  const { claimed, done, last } = rows[0] as { claimed: number; done: number; last: number }
  expect(last).toBeLessThan(1)
  // What was under way was let finish, and nothing else is left of the others.
  expect(done).toBe(claimed)
  expect(held()).toBe(done)
  expect(done).toBeGreaterThan((RUNS * WRITES) / 3)
  expect(done).toBeLessThan(RUNS * WRITES)

  const { resumed } = await resume(placed)
  expect(resumed.length).toBeGreaterThan(RUNS / 2)
  for (const run of runs) expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(items.flat().map((item) => [boxes.held(item), boxes.asked(item).length])).toEqual(
    items.flat().map(() => [1, 1]),
  )
})

test('a run whose stop is lifted while it is being refused is found, and goes on', async () => {
  const workspace = `space-${randomUUID()}`
  const principal = { subject: 'ana', workspace }
  for (const scope of ['workspace', 'playbook', 'run', 'tool'] as const) {
    const item = newItem()
    const options = { principal, workflowId: `chain-${randomUUID()}` }
    const names = { workspace, playbook: 'chain', run: options.workflowId, tool: 'box.put' }
    const placed = await stop(scope, names[scope])
    const run = await world().client.start('chain', { acts: puts(item) }, options)
    await resume(placed)
    expect(await shownResult(run)).toMatchObject({ state: 'completed' })
    expect(boxes.held(item)).toBe(1)
  }
})
