import { expect, test } from 'vitest'
import { newItem } from '../kernel/box-world.ts'
import { shownResult } from '../support/refunds.ts'
import { until } from '../support/world.ts'
import { inForce, lift, puts, stoppedAt, useStops } from './stop-world.ts'

const { world, boxes, askedOf, start, stop, goOn } = useStops()

test.each(['run', 'playbook', 'workspace'] as const)(
  'a run under way reads nothing any more one second after its %s was stopped, and goes on where it was',
  async (scope) => {
    const item = newItem()
    const { run, workspace } = await start('watches', { item, times: 200 })
    await until('some reads', async () => (askedOf(item).length > 5 ? true : undefined))
    await stop(scope, { run: run.workflowId, playbook: 'watches', workspace }[scope])
    const stoppedMs = Date.now()
    const { step } = await stoppedAt(run)
    const looks = askedOf(item)
    expect(looks.length).toBeLessThan(200)
    expect(Math.max(...looks.map(({ at }) => at))).toBeLessThan(stoppedMs + 1_000)
    expect(step).toBe(`box.stare-${looks.length + 1}`)
    await goOn(run)
    expect(await shownResult(run)).toMatchObject({ state: 'completed', outcome: { times: 200 } })
    expect(askedOf(item)).toHaveLength(200)
  },
)

test('a stopped read, thought and write is each waited for at its own step, and not asked of anybody', async () => {
  const item = newItem()
  const stops = [await stop('tool', 'box.look'), await stop('tool', 'box.guess'), await stop('tool', 'box.pay')]
  for (const placed of stops) await inForce(placed)
  const { run } = await start('cites', { item, what: 'box' })
  const waits: unknown[] = []
  for (const { scope, name } of stops) {
    const { step } = await until(`a stop of ${name}`, async () =>
      (await run.status()).incidents.find(({ stop: met }) => met?.name === name),
    )
    waits.push([step, askedOf(item).length, askedOf(`box.guess ${item}`).length, boxes.held(item)])
    await lift(world().db, { scope, name })
    await run.resolve({ step, resolution: 'retry', by: 'otto' })
  }
  expect(waits).toEqual([
    ['box.look-1', 0, 0, 0],
    ['box.guess-1', 1, 0, 0],
    ['box.pay-1', 1, 1, 0],
  ])
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
})

test('nothing is previewed of a tool that is stopped, and nobody is asked to approve it', async () => {
  const item = `${newItem()}/ask`
  await inForce(await stop('tool', 'box.put'))
  const { run } = await start('chain', { acts: puts(item) })
  expect(await stoppedAt(run)).toMatchObject({ step: 'box.put-1' })
  expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'incident', pending: [], effects: [] })
  expect(boxes.asked(item, 'preview')).toEqual([])
  await goOn(run)
  await until('the question', async () => (await run.status()).pending[0])
  expect(boxes.asked(item, 'preview')).toHaveLength(1)
  await run.cancel()
})

const rowsOf = async (workflowId: string) =>
  await world().db.selectFrom('countersign.runs').selectAll().where('workflow_id', '=', workflowId).execute()

test.each(['playbook', 'workspace', 'run'] as const)(
  'a run whose %s is stopped is not opened, waits, and is opened once it is resumed',
  async (scope) => {
    const item = newItem()
    const [workflowId, workspace] = [`chain-${item}`, `space-${item}`]
    await inForce(await stop(scope, { run: workflowId, playbook: 'chain', workspace }[scope]))
    const principal = { subject: 'ana', workspace }
    const run = await world().client.start('chain', { acts: puts(item) }, { principal, workflowId })
    expect(await stoppedAt(run)).toMatchObject({ step: 'countersign.openRun', stop: { scope } })
    expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'incident', policyDigest: null })
    expect(await rowsOf(workflowId)).toEqual([])
    expect(boxes.asked(item)).toEqual([])
    await goOn(run)
    expect(await run.outcome()).toMatchObject({ state: 'completed' })
    expect(await rowsOf(workflowId)).toHaveLength(1)
    expect(boxes.held(item)).toBe(1)
  },
)

test('a run that waits to be opened can be cancelled, or be handed over as settled', async () => {
  await inForce(await stop('playbook', 'chain'))
  const items = [newItem(), newItem()] as const
  const [{ run: cancelled }, { run: settled }] = [
    await start('chain', { acts: puts(items[0]) }),
    await start('chain', { acts: puts(items[1]) }),
  ]
  await stoppedAt(cancelled)
  await cancelled.cancel()
  expect(await cancelled.result()).toMatchObject({ state: 'reverted', because: { code: 'cancelled' }, effects: [] })
  const { step, message } = await stoppedAt(settled)
  await settled.resolve({ step, resolution: 'settled', by: 'otto' })
  expect(await settled.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'stopped', message },
    effects: [],
  })
  for (const item of items) expect(boxes.asked(item)).toEqual([])
})

test('what is wrong with a request is said though its playbook is stopped', async () => {
  await inForce(await stop('playbook', 'chain'))
  const { run } = await start('chain', { acts: 'all' })
  expect(await run.result()).toMatchObject({ state: 'failed', because: { code: 'request_invalid' } })
})

test('of steps side by side each waits; settling one ends the run, and none of them happens', async () => {
  const item = newItem()
  await inForce(await stop('tool', 'box.put'))
  const acts = ['a', 'b', 'c'].map((as) => ({ as, item: `${item}/${as}` }))
  const { run } = await start('pairs', { acts })
  await until('three incidents', async () => ((await run.status()).incidents.length === 3 ? true : undefined))
  await run.resolve({ step: 'box.put-b', resolution: 'settled', by: 'otto' })
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'stopped' },
    effects: [{ state: 'not_done' }, { state: 'not_done' }, { state: 'not_done' }],
  })
  expect(await run.status()).toMatchObject({ incidents: [] })
  for (const act of acts) expect(boxes.asked(act.item)).toEqual([])
})

test('a playbook that gets over everything does not get over a stop that was settled', async () => {
  const item = newItem()
  await stop('tool', 'box.put')
  const { run } = await start('chain', { acts: puts(`${item}/a`, `${item}/b`), stubborn: true })
  const { step } = await stoppedAt(run)
  await run.resolve({ step, resolution: 'settled', by: 'otto' })
  expect(await run.result()).toMatchObject({ state: 'escalated', because: { code: 'stopped' } })
  for (const name of ['a', 'b']) expect(boxes.asked(`${item}/${name}`)).toEqual([])
})
