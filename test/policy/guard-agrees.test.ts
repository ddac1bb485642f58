import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unmet, type Voice } from '../../src/contract/approving.ts'
import type { Facts } from '../../src/contract/fact.ts'
import { factsOfAction } from '../../src/contract/derive.ts'
import type { Json } from '../../src/contract/json.ts'
import { requirementsOf } from '../../src/policy/decide/requirements.ts'
import type { Policy } from '../../src/policy/types.ts'
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
    switch (verdict.kind) {
      case 'go':
        expect(code).toBeUndefined()
        break
      case 'ask': {
        const isEnough = unmet(requirementsOf(policy, verdict.decision), crowd, []).length === 0
        expect(code).toBe(isEnough ? undefined : 'approval_invalid')
        break
      }
      case 'draft':
      case 'end':
        expect(code).toBe('warrant_decision_differs')
    }
    const end = `${verdict.kind} ${code ?? 'done'}`
    ends[end] = (ends[end] ?? 0) + 1
  }
  await fc.assert(fc.asyncProperty(cases, holds), runs(1_000))
  for (const end of ['go done', 'ask done', 'ask approval_invalid', 'end warrant_decision_differs']) {
    expect([end, (ends[end] ?? 0) > 20]).toEqual([end, true])
  }
})
