import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unmet, type Voice } from '../../src/contract/approving.ts'
import type { Facts } from '../../src/contract/fact.ts'
import { factsOfAction } from '../../src/contract/derive.ts'
import type { Json } from '../../src/contract/json.ts'
import { requirementsOf } from '../../src/policy/decide/requirements.ts'
import type { Policy } from '../../src/policy/types.ts'
import type { Verdict } from '../../workflows/kernel/judge.ts'
import { fuzzing } from './fuzzing.ts'
import { guardedPay, guardSays, kernelSays, receiptOf } from './guarded.ts'
import { CROWDS, DOMAIN, policyAbout } from './random-policy.ts'

const runs = fuzzing('guard-agrees')

const names = Object.keys(guardedPay.declares)
const facts = fc
  .record(Object.fromEntries(names.map((name) => [name, fc.constantFrom(...(DOMAIN[name] ?? []))])))
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Facts)

interface Case {
  readonly policy: Policy
  readonly known: Facts
  readonly crowd: readonly Voice[]
}
const cases: fc.Arbitrary<Case> = fc.record({
  policy: policyAbout(names),
  known: facts,
  crowd: fc.constantFrom(...CROWDS),
})

/** What a host has to say of it. */
function codeFor(verdict: Verdict, policy: Policy, crowd: readonly Voice[]): string | undefined {
  if (verdict.kind === 'go') return undefined
  if (verdict.kind !== 'ask') return 'warrant_decision_differs'
  return unmet(requirementsOf(policy, verdict.decision), crowd, []).length === 0 ? undefined : 'approval_invalid'
}

test('a host does what the kernel lets pass or enough people approve, and nothing else, whatever the policy', async () => {
  const at = new Date('2026-11-26T12:00:00.000Z')
  const ends: Record<string, number> = {}
  const holds = async ({ policy, known, crowd }: Case): Promise<void> => {
    const evidence = [receiptOf(known as unknown as Json, { at })]
    const asked = { policy, evidence, at, crowd }
    const verdict = kernelSays(asked)
    const derived = factsOfAction(guardedPay, {}, evidence)
    expect(derived).toEqual(known)
    const code = await guardSays(asked, derived)
    expect(code).toBe(codeFor(verdict, policy, crowd))
    const end = `${verdict.kind} ${code ?? 'done'}`
    ends[end] = (ends[end] ?? 0) + 1
  }
  await fc.assert(fc.asyncProperty(cases, holds), runs(1_000))
  for (const end of ['go done', 'ask done', 'ask approval_invalid', 'end warrant_decision_differs']) {
    expect([end, (ends[end] ?? 0) > 5]).toEqual([end, true])
  }
})
