import { expect, test } from 'vitest'
import type { StopScope } from '../../src/contract/stop.ts'
import { newItem } from '../kernel/box-world.ts'
import { effectsOf } from '../../src/ledger/effects.ts'
import { approvalOf, pendingOf, shownResult } from '../support/refunds.ts'
import { endOf, activitiesIn, eventsOf } from '../support/history.ts'
import { until } from '../support/world.ts'
import { puts, type Started, stoppedAt, useStops } from './stop-world.ts'

const { world, boxes, before, start, stop, goOn, resume } = useStops()

/** What the four scopes are of for one run. */
const SCOPES: readonly (readonly [of: string, scope: StopScope, name: (started: Started) => Promise<string>])[] = [
  ['the workflow id of its run', 'run', async ({ run }) => run.workflowId],
  ['the run key of its run', 'run', async ({ run }) => (await run.status()).runKey],
  ['its tool', 'tool', async () => 'box.put'],
  ['its playbook', 'playbook', async () => 'chain'],
  ['its workspace', 'workspace', async ({ workspace }) => workspace],
]

test.each(SCOPES)(
  'a write that is approved after a stop of %s does not happen; once it is resumed it happens once',
  async (_of, scope, nameOf) => {
    const item = `${newItem()}/ask`
    const started = await start('chain', { acts: puts(item) })
    const { run } = started
    const pending = await pendingOf(run)
    const placed = await stop(scope, await nameOf(started), 'the wrong boxes')
    // At once: a write asks in the moment in which it happens.
    expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })

    const { lifted: _, statement: _signed, ...mark } = placed
    const incident = await stoppedAt(run)
    expect(incident).toMatchObject({ step: 'box.put-1', code: 'stopped', stop: mark })
    expect(incident.message).toBe(
      `${scope} \`${placed.name}\` is stopped since ${placed.at} by olga: the wrong boxes (stop ${placed.id})`,
    )
    expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'incident', pending: [] })
    expect(boxes.asked(item)).toEqual([])
    expect(boxes.held(item)).toBe(0)

    await goOn(run)
    expect(await shownResult(run)).toMatchObject({ state: 'completed', effects: [{ state: 'done' }] })
    expect(boxes.held(item)).toBe(1)
    expect(boxes.asked(item)).toHaveLength(1)
  },
)

test('who stopped what and why stands in the history, and so does who let it go on', async () => {
  const item = `${newItem()}/ask`
  const { run } = await start('chain', { acts: puts(item) })
  const pending = await pendingOf(run)
  const placed = await stop('run', run.workflowId, 'asked for by the customer')
  await run.decide(approvalOf(pending))
  await stoppedAt(run)
  await resume(placed)
  await shownResult(run)

  const events = await eventsOf(world().temporal, run)
  const [refused, done] = activitiesIn(events).filter(({ type }) => type === 'box.put')
  if (refused === undefined || done === undefined) throw new Error('the write was not tried twice')
  const { failure } = endOf(events, refused)?.activityTaskFailedEventAttributes ?? {}
  expect(failure).toMatchObject({ applicationFailureInfo: { type: 'stopped', nonRetryable: true } })
  const details = Buffer.from(failure?.applicationFailureInfo?.details?.payloads?.[0]?.data ?? []).toString()
  expect(JSON.parse(details)).toEqual({
    stop: {
      id: placed.id,
      scope: 'run',
      name: run.workflowId,
      by: 'olga',
      reason: 'asked for by the customer',
      at: placed.at,
    },
  })
  expect(endOf(events, done)?.activityTaskCompletedEventAttributes).toBeTruthy()
  const { timeline } = await run.status()
  expect(timeline.filter(({ step }) => step === 'box.put-1').map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
    'ask: asks for approval: box.put ' + item,
    'decide: ben@acme.example (development: nobody proved it) approves',
    expect.stringMatching(/^incident: run `.*` is stopped since .* by olga: asked for by the customer/),
    'decide: otto (development: nobody proved it) resolves the incident as retry: the stop was lifted: it is mended',
    'act: box.put ' + item,
  ])
})

test('a run that waits at one stop and is covered by another waits at that one next', async () => {
  const item = `${newItem()}/ask`
  const { run, workspace } = await start('chain', { acts: puts(item) })
  const pending = await pendingOf(run)
  const first = await stop('workspace', workspace)
  const second = await stop('run', (await run.status()).runKey)
  await run.decide(approvalOf(pending))
  expect((await stoppedAt(run)).stop?.id).toBe(first.id)
  await run.resolve({ step: 'box.put-1', resolution: 'retry', by: 'otto' })
  // Nothing was lifted.
  expect((await stoppedAt(run)).stop?.id).toBe(first.id)
  expect((await resume(first)).resumed).toEqual([run.workflowId])
  expect((await stoppedAt(run)).stop?.id).toBe(second.id)
  expect(boxes.asked(item)).toEqual([])
  await resume(second)
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
})

test('a stop of something else stops nothing', async () => {
  const item = newItem()
  await stop('tool', 'box.send')
  await stop('playbook', 'pairs')
  await stop('workspace', 'elsewhere')
  await stop('run', 'chain')
  const { run } = await start('chain', { acts: puts(item) })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
})

test('a write that is under way when its tool is stopped is let finish', async () => {
  const item = newItem()
  boxes.script(item, 'wait')
  const { run } = await start('chain', { acts: puts(item) })
  await until('the write', async () => boxes.asked(item)[0])
  await stop('tool', 'box.put')
  boxes.open()
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
})

test.each([
  ['put', 'takes keys'],
  ['send', 'can be asked'],
])(
  'a %s whose answer is lost while its tool is stopped waits, and is known to have happened afterwards: its system %s',
  async (tool) => {
    const item = newItem()
    boxes.script(item, 'throw after')
    before.set(item, () => stop('tool', `box.${tool}`))
    const { run } = await start('chain', { acts: [{ tool, item }] })
    expect(await stoppedAt(run)).toMatchObject({ step: `box.${tool}-1` })
    expect(boxes.asked(item)).toHaveLength(1)
    expect(boxes.asked(item, 'probe')).toEqual([])
    before.delete(item)
    await goOn(run)
    expect(await shownResult(run)).toMatchObject({ state: 'completed' })
    expect(boxes.held(item)).toBe(1)
  },
)

test('a write that is claimed when the stop comes gives its claim back', async () => {
  const item = newItem()
  const { run } = await start('chain', { acts: [{ tool: 'drop', item: `${item}/ask` }] })
  const pending = await pendingOf(run)
  await stop('tool', 'box.drop')
  await run.decide(approvalOf(pending))
  await stoppedAt(run)
  // Nobody can ever tell of a drop whether it happened, so nothing must be left that says that it may have: it gave its claim back, or never claimed.
  const left = await effectsOf(world().db, (await run.status()).runKey)
  expect(left.filter(({ state }) => state !== 'failed')).toEqual([])
  await goOn(run)
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(boxes.asked(`${item}/ask`)).toHaveLength(1)
})
