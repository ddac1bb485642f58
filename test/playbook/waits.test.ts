import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { liftNow, stopNow } from '../../src/worker/stopping.ts'
import { wordOf } from '../support/people.ts'
import { codeOfAnswer, pendingOf, startRefund } from '../support/refunds.ts'
import { useTimeSkipping } from '../support/time-skipping.ts'
import { SHIPPED_POLICIES, startWorld, until, type World } from '../support/world.ts'

const environment = useTimeSkipping()

async function inWorld(policies: string, what: (world: World) => Promise<void>): Promise<void> {
  const world = await startWorld({ environment: environment(), policies })
  try {
    await what(world)
  } finally {
    await world.stop()
  }
}

test('a question that nobody answers for three days is escalated with the case, and no money moves', () =>
  inWorld(SHIPPED_POLICIES, async (world) => {
    const { run, order } = await startRefund(world, { amountCents: 12_000 })
    const pending = await pendingOf(run)
    const result = await run.result()
    expect(result).toMatchObject({
      state: 'escalated',
      because: {
        code: 'approval_timed_out',
        rules: [{ rule: 'requires_approval_if.refund_amount_usd_gte' }],
        action: { step: pending.step },
      },
      effects: [],
    })
    const { timeline } = await run.status()
    const end = timeline.find(({ kind }) => kind === 'end')
    expect(Date.parse(end?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(pending.deadline))
    expect(await world.refunded(order.paymentId)).toBe(0)
  }))

test('a question that nobody answers is refused where the policy says so', async () => {
  const policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
  await cp(SHIPPED_POLICIES, policies, { recursive: true })
  const file = join(policies, 'refund-request.yaml')
  const text = await readFile(file, 'utf8')
  await writeFile(file, `${text}\napprovals:\n  expires_minutes: 90\n  on_timeout: refuse\n`)
  await inWorld(policies, async (world) => {
    const { run, order } = await startRefund(world, { amountCents: 12_000 })
    const { askedAt, deadline } = await pendingOf(run)
    expect(Date.parse(deadline) - Date.parse(askedAt)).toBe(90 * 60_000)
    expect(await run.result()).toMatchObject({ state: 'refused', because: { code: 'approval_timed_out' } })
    expect(await world.refunded(order.paymentId)).toBe(0)
  })
  await rm(policies, { recursive: true })
})

test('a run stays open for its undo window of thirty minutes and then closes: a later undo finds it closed', () =>
  inWorld(SHIPPED_POLICIES, async (world) => {
    const { run, order } = await startRefund(world)
    const outcome = await run.outcome()
    const before = await environment().currentTimeMs()
    expect(Date.parse(outcome.undoUntil ?? '') - before).toBeGreaterThan(25 * 60_000)
    expect(await run.result()).toMatchObject({ state: 'completed', undoUntil: null, outcome: outcome.outcome })
    expect((await environment().currentTimeMs()) - before).toBeGreaterThanOrEqual(25 * 60_000)
    expect(await codeOfAnswer(run.undo({ by: 'olga' }))).toBe('run_not_found')
    expect(await world.refunded(order.paymentId)).toBe(2_000)
  }))

test('an undo in the last minute of the window is in time', () =>
  inWorld(SHIPPED_POLICIES, async (world) => {
    const { run, order } = await startRefund(world)
    await run.outcome()
    await environment().sleep('29 minutes')
    expect(await codeOfAnswer(run.undo({ by: 'olga' }))).toBe('accepted')
    expect(await run.result()).toMatchObject({ state: 'reverted' })
    expect(await world.refunded(order.paymentId)).toBe(0)
  }))

test('a decision in the last hour of three days is in time', () =>
  inWorld(SHIPPED_POLICIES, async (world) => {
    const { run, order } = await startRefund(world, { amountCents: 12_000 })
    const { step, actionDigest } = await pendingOf(run)
    await environment().sleep('71 hours')
    expect(await run.decide({ step, actionDigest, decision: 'approve', by: 'ben' })).toMatchObject({ accepted: true })
    expect(await run.result()).toMatchObject({ state: 'completed' })
    expect(await world.refunded(order.paymentId)).toBe(12_000)
  }))

test('an approval that grew too old while the tool was stopped is asked for again, and pays once', () =>
  inWorld(SHIPPED_POLICIES, async (world) => {
    const { run, order } = await startRefund(world, { amountCents: 12_000 })
    const { step, actionDigest } = await pendingOf(run)
    const target = { scope: 'tool', name: 'billing.refund' } as const
    await stopNow(world.db, target, wordOf('stop', target, 'olga', 'it does harm'))
    await run.decide({ step, actionDigest, decision: 'approve', by: 'ben' })
    await until('the stop', async () => (await run.status()).incidents[0])
    await environment().sleep('80 hours')
    await liftNow(world.db, target, wordOf('resume', target, 'olga', 'it is mended'))
    await run.resolve({ step, resolution: 'retry', by: 'olga' })
    const again = await pendingOf(run)
    expect(await world.refunded(order.paymentId)).toBe(0)
    await run.decide({ step, actionDigest: again.actionDigest, decision: 'approve', by: 'carla' })
    expect(await run.result()).toMatchObject({ state: 'completed' })
    expect(await world.refunded(order.paymentId)).toBe(12_000)
  }))
