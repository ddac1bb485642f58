import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { liftNow, stopNow } from '../../src/worker/stopping.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { useChangedPolicies } from '../support/own-policies.ts'
import { wordOf } from '../support/people.ts'
import { pendingOf, type Refund, startRefund } from '../support/refunds.ts'
import { useTimeSkipping } from '../support/time-skipping.ts'
import { until, type World } from '../support/world.ts'

const DEMAND = 'evidence: [{ kind: record, risk: high, fresh_minutes: 60 }]\n'

/** A world of its own clock, whose policy wants refunds to rest on a record of the last hour. */
function useFresh() {
  const environment = useTimeSkipping()
  const options = {
    get environment() {
      return environment()
    },
  }
  const world = useChangedPolicies(async (folder) => {
    const file = join(folder, 'refund-request.yaml')
    await writeFile(file, `${await readFile(file, 'utf8')}${DEMAND}`)
  }, options)
  return { environment, world }
}

/** Whether the refund was ever scheduled, and what was paid. */
async function paid(world: World, { run, order }: Refund) {
  const types = activitiesIn(await eventsOf(world.temporal, run)).map(({ type }) => type)
  return { scheduled: types.includes('billing.refund'), cents: await world.refunded(order.paymentId) }
}

describe('a refund that is approved within the hour', () => {
  const { world } = useFresh()
  test('is made', async () => {
    const { run, order } = await startRefund(world(), { amountCents: 12_000 })
    const { step, actionDigest } = await pendingOf(run)
    await run.decide({ step, actionDigest, decision: 'approve', by: 'ben' })
    expect(await run.outcome()).toMatchObject({ state: 'completed' })
    expect(await paid(world(), { run, order })).toEqual({ scheduled: true, cents: 12_000 })
  })
})

describe('a refund that is approved after two hours', () => {
  const { environment, world } = useFresh()
  test('is escalated, not scheduled and not shown again', async () => {
    const { run, order } = await startRefund(world(), { amountCents: 12_000 })
    const { step, actionDigest } = await pendingOf(run)
    await environment().sleep('2 hours')
    expect(await run.decide({ step, actionDigest, decision: 'approve', by: 'ben' })).toMatchObject({ accepted: true })
    expect(await run.result()).toMatchObject({
      state: 'escalated',
      because: {
        code: 'evidence_missing',
        message: '`billing.refund-1` does not cite a record at most 60 minutes old',
      },
      effects: [],
    })
    expect(await paid(world(), { run, order })).toEqual({ scheduled: false, cents: 0 })
  })
})

describe('a refund that was approved in time and is scheduled again after a stop of two hours', () => {
  const { environment, world } = useFresh()
  test('is refused by the host and escalated: nothing is paid, and nobody is asked again', async () => {
    const { run, order } = await startRefund(world(), { amountCents: 12_000 })
    const { step, actionDigest } = await pendingOf(run)
    const target = { scope: 'tool', name: 'billing.refund' } as const
    await stopNow(world().db, target, wordOf('stop', target, 'olga', 'it does harm'))
    await run.decide({ step, actionDigest, decision: 'approve', by: 'ben' })
    await until('the stop', async () => (await run.status()).incidents[0])
    await environment().sleep('2 hours')
    await liftNow(world().db, target, wordOf('resume', target, 'olga', 'it is mended'))
    await run.resolve({ step, resolution: 'retry', by: 'olga' })
    expect(await run.result()).toMatchObject({
      state: 'escalated',
      because: {
        code: 'evidence_missing',
        message: '`billing.refund-1` did not cite a record at most 60 minutes old when it was scheduled',
      },
    })
    expect((await run.status()).timeline.filter(({ kind }) => kind === 'ask')).toHaveLength(1)
    expect(await paid(world(), { run, order })).toEqual({ scheduled: true, cents: 0 })
  })
})
