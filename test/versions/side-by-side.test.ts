import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sampleThoughts } from '../../activities/index.ts'
import { versionsOf } from '../../src/cli/deployment.ts'
import { sendUpdate } from '../../src/cli/patience.ts'
import { CountersignClient } from '../../src/client/index.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { makeCurrent } from '../../src/worker/deployment.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import type { Thinker } from '../../src/tools/implementation.ts'
import { activitiesIn, eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { statements } from '../support/people.ts'
import { approvalOf, pendingOf, shownResult, startRefund } from '../support/refunds.ts'
import { inSession } from '../support/session.ts'
import { query, startWorld, until, type World, type WorldOptions } from '../support/world.ts'

const NEXT = { workflows: join(import.meta.dirname, '..', 'replay', 'changed-playbook.ts') }
const OPERATOR = 'olga@acme.example'

/** A world of its own: what one test makes current is no matter of another's. */
async function newWorld(options: WorldOptions = {}): Promise<World> {
  const world = await startWorld(options)
  onTestFinished(() => world.stop())
  return world
}

const goTo = ({ temporal, taskQueue }: World, buildId: string) =>
  makeCurrent(temporal.connection, 'default', { deployment: taskQueue, buildId })

const statusOf = (world: World, buildId: string) =>
  inSession(world.taskQueue, async (session) => {
    const known = await versionsOf(session, world.taskQueue)
    return known.find((version) => version.buildId === buildId)
  })

/** The build ids that took up the workflow tasks of a run, and the writes it scheduled, in order. */
async function traceOf({ temporal }: World, run: RunHandle) {
  const events = await eventsOf(temporal, run)
  const builds = events.flatMap(
    ({ workflowTaskCompletedEventAttributes: done }) => done?.deploymentVersion?.buildId ?? [],
  )
  const writes = activitiesIn(events).flatMap(({ type }) =>
    /^(billing\.refund|helpdesk\.reply)$/.test(type) ? type : [],
  )
  return { builds: [...new Set(builds)], writes }
}

test('open runs end on the version that they began on, new ones go to the next; the old one drains and can be stopped', async () => {
  const world = await newWorld()
  const first = world.worker
  const waiting = await startRefund(world, { amountCents: 12_000 })
  const done = await startRefund(world)
  const pending = await pendingOf(waiting.run)
  expect(await done.run.outcome()).toMatchObject({ state: 'completed' })

  const next = await world.startWorker(NEXT)
  expect(next.buildId).not.toBe(first.buildId)
  await goTo(world, next.buildId)

  const later = await startRefund(world)
  expect(await later.run.outcome()).toMatchObject({ state: 'completed' })
  expect(await traceOf(world, later.run)).toEqual({
    builds: [next.buildId],
    writes: ['helpdesk.reply', 'billing.refund'],
  })
  expect(await statusOf(world, first.buildId)).toMatchObject({ status: 'draining', openRuns: 2 })

  // What waited for a person, and what is in its undo window, go on under the code that they began with.
  expect(await waiting.run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
  expect(await waiting.run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world.refunded(waiting.order.paymentId)).toBe(12_000)
  expect(await world.count('refunds', `payment_id = '${waiting.order.paymentId}'`)).toBe(1)
  for (const { run, order } of [waiting, done]) {
    expect(await run.undo({ by: OPERATOR })).toMatchObject({ accepted: true })
    expect(await run.result()).toMatchObject({ state: 'reverted' })
    expect(await traceOf(world, run)).toEqual({ builds: [first.buildId], writes: ['billing.refund', 'helpdesk.reply'] })
    expect(await world.refunded(order.paymentId)).toBe(0)
    const { version } = await run.summary()
    expect(version).toEqual({ deployment: world.taskQueue, buildId: first.buildId })
    expect(await run.status()).toMatchObject({ kernelVersion: first.buildId.split('-')[0], buildId: first.buildId })
  }

  await until('the old version to be drained', async () =>
    (await statusOf(world, first.buildId))?.status === 'drained' ? true : undefined,
  )
  expect(await statusOf(world, first.buildId)).toMatchObject({ openRuns: 0 })
  await first.stop()
  const last = await startRefund(world)
  expect(await last.run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world.refunded(last.order.paymentId)).toBe(last.order.amountCents)
})

test('a run whose version has no worker waits, says which it needs, and goes on when one is back', async () => {
  const world = await newWorld()
  const first = world.worker
  const next = await world.startWorker(NEXT)
  const { run, order } = await startRefund(world, { amountCents: 12_000 })
  const pending = await pendingOf(run)
  await goTo(world, next.buildId)
  await first.stop()

  await inSession(world.taskQueue, async (session) => {
    const approval = approvalOf(pending)
    const asking = new CountersignClient(session.temporal, { answerWithinMs: 3_000, statements }).run(run.workflowId)
    const asked = sendUpdate(session, run.workflowId, () => asking.decide(approval, 'once'))
    await expect(asked).rejects.toMatchObject({
      code: 'no_answer',
      message: 'No worker answered within 3 seconds; what was sent may still arrive.',
      help: expect.stringContaining(
        `only workers of version ${first.buildId} of deployment ${world.taskQueue} on the task queue`,
      ),
    })
  })
  expect(await world.refunded(order.paymentId)).toBe(0)

  const back = await world.startWorker()
  expect(back.buildId).toBe(first.buildId)
  expect(await run.decide(approvalOf(pending), 'once')).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world.refunded(order.paymentId)).toBe(12_000)
  expect(await traceOf(world, run)).toEqual({ builds: [first.buildId], writes: ['billing.refund', 'helpdesk.reply'] })
})

test('a run that is reset to its first task begins anew on the current version, says so, and pays once', async () => {
  const world = await newWorld()
  const { run, order } = await startRefund(world, { amountCents: 12_000 })
  await pendingOf(run)
  const next = await world.startWorker(NEXT)
  await goTo(world, next.buildId)
  const [firstTask = 0] = workflowTasksIn(await eventsOf(world.temporal, run))
  await reset(world.temporal, run, firstTask)

  expect(await run.decide(approvalOf(await pendingOf(run)))).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await traceOf(world, run)).toEqual({ builds: [next.buildId], writes: ['helpdesk.reply', 'billing.refund'] })
  expect((await run.summary()).version?.buildId).toBe(next.buildId)
  expect(await run.status()).toMatchObject({ buildId: next.buildId })
  expect(await world.refunded(order.paymentId)).toBe(12_000)
  expect(await world.count('refunds', `payment_id = '${order.paymentId}'`)).toBe(1)
  const { rows } = await query(world.databaseUrl, 'SELECT build_id FROM countersign.runs')
  expect(rows).toEqual([{ build_id: world.worker.buildId }])
})

test('two workers of one build share the work, and no money moves twice', async () => {
  const calls: string[] = []
  const counting = (name: string): { readonly thinker: Thinker } => {
    const plain = createThinker({ deterministic: sampleThoughts, env: {} })
    const thinker: Thinker = {
      think: (...args) => {
        calls.push(name)
        return plain.think(...args)
      },
    }
    return { thinker }
  }
  const world = await newWorld(counting('one'))
  const other = await world.startWorker(counting('other'))
  expect(other.buildId).toBe(world.worker.buildId)
  const refunds = await Promise.all(Array.from({ length: 12 }, () => startRefund(world)))
  for (const { run, order } of refunds) {
    expect(await shownResult(run)).toMatchObject({ state: 'completed' })
    expect(await world.refunded(order.paymentId)).toBe(order.amountCents)
    expect(await world.count('refunds', `payment_id = '${order.paymentId}'`)).toBe(1)
  }
  expect(calls).toHaveLength(12)
  expect(new Set(calls)).toEqual(new Set(['one', 'other']))
})
