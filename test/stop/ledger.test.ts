import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { liftStop, placeStop, stopHistory, stopsInForce } from '../../src/ledger/stops.ts'
import { StopGuard, type Subject } from '../../src/worker/stops.ts'
import { wordOf } from '../support/people.ts'
import { until } from '../support/world.ts'
import { codeOfFailed, useLedger } from '../worker/ledger-case.ts'

const db = useLedger()
const anything = { scope: 'tool', name: 'anything' } as const
const OLGA = wordOf('stop', anything, 'olga', 'it does harm')
const OTTO = wordOf('resume', anything, 'otto', 'it is mended')
const toolOf = (name = `box.${randomUUID()}`) => ({ scope: 'tool', name }) as const

const subject = (tool: string): Subject => ({
  runKey: runKeyOf('boxes-1', 'run-1'),
  workflowId: 'boxes-1',
  playbook: 'boxes',
  tool,
  workspace: () => Promise.resolve('boxes'),
})

test('of twenty who stop one thing at once one places the stop, and the others are told of it', async () => {
  const target = toolOf()
  const placed = await Promise.all(
    Array.from({ length: 20 }, (_, at) => placeStop(db(), target, { ...OLGA, by: `olga ${at}` })),
  )
  expect(placed.filter(({ isNew }) => isNew)).toHaveLength(1)
  expect(new Set(placed.map(({ stop }) => stop.id)).size).toBe(1)
  const lifted = await Promise.all(Array.from({ length: 20 }, () => liftStop(db(), target, OTTO)))
  expect(lifted.filter((one) => one !== undefined)).toHaveLength(1)
  expect(await stopsInForce(db(), [target])).toEqual([])
})

test('stopped, lifted and stopped again are two stops, and both stay on the record', async () => {
  const target = toolOf()
  const { stop: first } = await placeStop(db(), target, OLGA)
  await liftStop(db(), target, OTTO)
  const { stop: second } = await placeStop(db(), target, { ...OLGA, reason: 'again' })
  expect(await stopHistory(db(), target)).toEqual([
    { ...target, id: second.id, at: second.at, ...OLGA, reason: 'again', lifted: null },
    { ...target, id: first.id, at: first.at, ...OLGA, lifted: { ...OTTO, at: expect.any(String) } },
  ])
  expect(await stopsInForce(db(), [target])).toEqual([second])
})

test.each([
  ['a scope that there is not', { scope: 'world', name: 'all' }, OLGA],
  ['no name', { scope: 'tool', name: '' }, OLGA],
  ['a name that cannot be stored', { scope: 'tool', name: 'a\0b' }, OLGA],
  ['nobody', { scope: 'tool', name: 'box.odd' }, { ...OLGA, by: '\u200b' }],
  ['no reason', { scope: 'tool', name: 'box.odd' }, { ...OLGA, reason: '  ' }],
])('a stop with %s is not written down', async (_what, target, said) => {
  const before = await stopHistory(db())
  await expect(placeStop(db(), target as never, said)).rejects.toThrow('a stop cannot be written down')
  await expect(liftStop(db(), target as never, said)).rejects.toThrow('a stop cannot be written down')
  expect(await stopHistory(db())).toEqual(before)
})

test('what a host lets pass costs it one query in half a second', async () => {
  const guard = new StopGuard(db())
  const from = performance.now()
  const name = toolOf().name
  let checks = 0
  let asked = 0
  const connection = db().connection.bind(db())
  db().connection = () => {
    asked++
    return connection()
  }
  while (performance.now() - from < 1_200) {
    await guard.check(subject(name))
    checks++
    if (checks % 100 === 0) await sql`SELECT 1`.execute(db())
  }
  db().connection = connection
  expect(checks).toBeGreaterThan(200)
  expect(asked).toBeLessThanOrEqual(3)
})

test('a lift is in force at once, whatever a host has seen before', async () => {
  const guard = new StopGuard(db())
  const target = toolOf()
  await placeStop(db(), target, OLGA)
  for (let round = 0; round < 5; round++) {
    expect(await codeOfFailed(guard.check(subject(target.name)))).toBe('stopped')
    await liftStop(db(), target, OTTO)
    expect(await codeOfFailed(guard.check(subject(target.name)))).toBe('went through')
    await placeStop(db(), target, OLGA)
    // A later attempt does not go by what was seen.
    expect(await codeOfFailed(guard.check(subject(target.name), 2))).toBe('stopped')
    await until('the host to look again', async () =>
      (await codeOfFailed(guard.check(subject(target.name)))) === 'stopped' ? true : undefined,
    )
  }
})

test('while the ledger does not answer nothing passes, and once it does again everything that waited is told', async () => {
  const guard = new StopGuard(db())
  const { name } = toolOf()
  const passed: string[] = []
  const check = async (what: string) => void passed.push(`${what} ${await codeOfFailed(guard.check(subject(name)))}`)
  const waiting: Promise<void>[] = []
  await db()
    .transaction()
    .execute(async (tx) => {
      await sql`LOCK TABLE countersign.stops IN ACCESS EXCLUSIVE MODE`.execute(tx)
      const since = performance.now()
      waiting.push(check('first'), check('second'))
      // By then nobody joins the read of the first any more.
      await until('patience to be over', async () => (performance.now() - since > 2_100 ? true : undefined))
      waiting.push(check('third'))
      expect(passed).toEqual([])
    })
  await Promise.all(waiting)
  expect(passed.toSorted()).toEqual(['first went through', 'second went through', 'third went through'])
})
