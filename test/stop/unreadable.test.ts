import { sql } from 'kysely'
import { afterEach, expect, test } from 'vitest'
import { newItem } from '../kernel/box-world.ts'
import { approvalOf, pendingOf, shownResult } from '../support/refunds.ts'
import { query, until } from '../support/world.ts'
import { puts, useStops } from './stop-world.ts'

const { world, boxes, askedOf, start } = useStops()

const rename = (from: string, to: string) =>
  sql.raw(`ALTER TABLE countersign.${from} RENAME TO ${to}`).execute(world().db)
/** Longer than a host believes what it has seen. */
const untilForgotten = (since: number) =>
  until('what a host has seen of the stops to be too old', async () => (Date.now() - since > 600 ? true : undefined))

/** Ends every connection to the database and lets no other in; answers with what lets them in again. */
async function shut(): Promise<() => Promise<void>> {
  const url = new URL(world().databaseUrl)
  const name = url.pathname.slice(1)
  url.pathname = '/postgres'
  await query(url.href, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
  await query(url.href, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
  return async () => {
    await query(url.href, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
  }
}

let open: (() => Promise<unknown>) | undefined
afterEach(async () => {
  await open?.()
  open = undefined
})

test('while the stops cannot be read nothing is read, and the step fails as one whose database is away', async () => {
  const item = newItem()
  const { run } = await start('watches', { item, times: 300 })
  await until('some reads', async () => (askedOf(item).length > 2 ? true : undefined))
  await rename('stops', 'stops_away')
  const since = Date.now()
  expect(await shownResult(run)).toMatchObject({ state: 'failed', because: { code: 'database_unavailable' } })
  expect(Math.max(...askedOf(item).map(({ at }) => at))).toBeLessThan(since + 1_000)
  expect(askedOf(item).length).toBeLessThan(300)
  await rename('stops_away', 'stops')
})

test('while the stops cannot be read no write happens, and its attempts say why', async () => {
  const item = `${newItem()}/ask`
  const { run } = await start('chain', { acts: puts(item) })
  const pending = await pendingOf(run)
  await rename('stops', 'stops_away')
  await untilForgotten(Date.now())
  await run.decide(approvalOf(pending))
  expect(await shownResult(run)).toMatchObject({
    state: 'failed',
    because: { code: 'database_unavailable', message: expect.stringContaining('did not tell what is stopped') },
    effects: [{ state: 'not_done' }],
  })
  expect(boxes.asked(item)).toEqual([])
  await rename('stops_away', 'stops')
})

test('while the database is down nothing happens at all; back again, a run is opened and done once', async () => {
  const item = newItem()
  open = await shut()
  const { run } = await start('chain', { acts: puts(item) })
  await until('the run to have begun', async () => {
    const { historyLength } = await world().temporal.workflow.getHandle(run.workflowId).describe()
    return historyLength >= 3 ? true : undefined
  })
  await untilForgotten(Date.now())
  expect(boxes.asked(item)).toEqual([])
  await open()
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(boxes.asked(item)).toHaveLength(1)
})
