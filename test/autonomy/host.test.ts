import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Approval, Decision } from '../../src/contract/action.ts'
import { expectNothingMade } from '../hostile/hostile.ts'
import { ledgerOf, openedRefund, registeredPuppet } from '../worker/puppets.ts'
import { issue } from '../worker/warrants.ts'
import { useLevel } from './levels.ts'

// Everything is real but the kernel: a workflow that calls what it is told to call.
const world = useLevel('suggest', { workflows: join(import.meta.dirname, '..', 'worker', 'hostile.ts') })

const MADE_UP: readonly (readonly [string, Decision | undefined])[] = [
  ['as the policy decides it', undefined],
  ['as if it were allowed', { effect: 'allow', matches: [] }],
  ['as if it were asked for, and approved', { effect: 'require_approval', matches: [] }],
]

test.each(MADE_UP)('the host refuses the write of a run that may only suggest, %s', async (_title, decision) => {
  const { puppet, order } = await registeredPuppet(world())
  const wanted = await openedRefund(puppet, order)
  expect(wanted.policy.autonomy).toBe('suggest')
  const approved = { approvals: (one: Approval) => [one] }
  const warrant = issue(wanted, decision === undefined ? approved : { ...approved, decision })
  const told = await puppet.call('billing.refund', { input: wanted.input, warrant }, { id: 'billing.refund-1' })
  expect(told).toEqual({
    ok: false,
    code: 'warrant_decision_differs',
    message: expect.stringContaining('`suggest`'),
    final: true,
  })
  await expectNothingMade(world(), order)
  expect(await ledgerOf(world(), puppet.runKey)).toEqual([])
})

test('what a draft needs is still answered: reads and previews', async () => {
  const { puppet, order } = await registeredPuppet(world())
  const { runKey, input } = await openedRefund(puppet, order)
  const step = 'billing.refund-1'
  const told = await puppet.call('billing.refund.preview', { runKey, step, input }, { id: `${step}.preview` })
  expect(told).toMatchObject({
    ok: true,
    result: { preview: { changes: [{ to: '$0.00' }, { record: 'refund/new' }] } },
  })
  await expectNothingMade(world(), order)
})
