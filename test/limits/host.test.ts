import { join } from 'node:path'
import { expect, test } from 'vitest'
import { actionDigestOf, citationOf, type Warrant } from '../../src/contract/action.ts'
import type { Reached } from '../../src/contract/reached.ts'
import { signReached } from '../../src/identity/reached.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { expectNothingMade } from '../hostile/hostile.ts'
import { heard, ledgerOf, openedRefund, registeredPuppet } from '../worker/puppets.ts'
import { approvalBy } from '../support/people.ts'
import { issue, type Wanted } from '../worker/warrants.ts'
import { useLimits } from './limits-world.ts'

// Everything is real but the kernel: a workflow that calls what it is told to call.
const world = useLimits(
  `limits:
  - id: of_a_playbook
    tool: billing.refund
    per: playbook
    window_minutes: 60
    at_most_usd: 5
    of: refund_amount_usd
    on_reached: require_approval
`,
  { workflows: join(import.meta.dirname, '..', 'worker', 'hostile.ts') },
)

/** The warrant of a refund that a kernel would issue with this on the record; Ben has approved it. */
function knowing(wanted: Wanted, reached: readonly Reached[]): Warrant {
  const bare = issue(wanted)
  const { runKey, step, tool, input, evidence, policy, policyDigest } = wanted
  const { facts, trust, changes, expect: expected } = bare
  const cited = evidence.map(citationOf)
  const shown = { runKey, step, tool: tool.name, input, facts, trust, evidence: cited, changes, expect: expected }
  const actionDigest = actionDigestOf({ ...shown, policyDigest, reached })
  return {
    ...bare,
    reached,
    actionDigest,
    decision: decide(policy, tool, facts, reached),
    approvals: [
      approvalBy('ben@acme.example', { runKey, step, actionDigest }, wanted.principal.workspace, { at: bare.issuedAt }),
    ],
  }
}

test('a kernel that ignores a limit is refused by the host, and what it makes up of one is, too', async () => {
  const { puppet, order } = await registeredPuppet(world())
  const wanted = await openedRefund(puppet, order)
  const ask = (warrant: Warrant) =>
    puppet.call('billing.refund', { input: wanted.input, warrant }, { id: 'billing.refund-1' })
  const refused = {
    ok: false,
    code: 'limit_reached',
    message: '`limits.of_a_playbook`: playbook `refund_request`: $0.00 of $5.00 within 1 hour, and this one is $20.00',
    final: true,
  }
  expect(await ask(issue(wanted))).toEqual(refused)
  expect(await ask(issue(wanted))).toEqual(refused)

  const said = {
    runKey: puppet.runKey,
    step: 'billing.refund-1',
    inputDigest: issue(wanted).inputDigest,
    limit: 'limits.of_a_playbook',
    per: 'playbook',
    of: 'refund_amount_usd',
    windowMinutes: 60,
    subject: 'refund_request',
    measured: { kind: 'spent', spent: 900_000, adds: 2_000 },
    at: new Date().toISOString(),
  } as const
  const forged = signReached(hostKeyOf(newHostKey()), said)
  const made = 'what was found of a limit'
  expect(await ask(knowing(wanted, [forged]))).toMatchObject({
    code: 'receipt_invalid',
    message: `${made} was signed with an unknown key`,
  })
  const found = signReached(world().key, said)
  const altered = { ...found, measured: { ...said.measured, spent: 1 } }
  expect(await ask(knowing(wanted, [altered]))).toMatchObject({ message: `${made} has a wrong signature` })
  const others = signReached(world().key, { ...said, step: 'billing.refund-2' })
  expect(await ask(knowing(wanted, [others]))).toMatchObject({ message: `${made} is of another action` })

  const approved = knowing(wanted, [signReached(world().key, { ...said, measured: { ...said.measured, spent: 0 } })])
  expect(await ask({ ...approved, approvals: [] })).toMatchObject({ code: 'approval_invalid' })
  expect(await ask({ ...approved, decision: { effect: 'allow', matches: [] } })).toMatchObject({
    code: 'warrant_decision_differs',
  })
  const { reached: _, ...without } = approved
  expect(await ask(without as Warrant)).toMatchObject({ code: 'warrant_decision_differs' })
  await expectNothingMade(world(), order)
  expect(await ledgerOf(world(), puppet.runKey)).toEqual([])

  expect(await ask(await heard(world(), approved))).toMatchObject({ ok: true })
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})
