import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Facts } from '../../src/contract/fact.ts'
import { doubtsAbout } from '../../src/policy/analyse/doubts.ts'
import { decide } from '../../src/policy/decide/index.ts'
import type { Policy } from '../../src/policy/types.ts'
import { pay } from './fake-playbook.ts'
import { fuzzing } from './fuzzing.ts'
import { DOMAIN, policyAbout, saidOf } from './random-policy.ts'

const runs = fuzzing('doubts-fuzz')

const names = Object.keys(pay.declares)

const grid = (facts: readonly string[]): readonly Facts[] =>
  facts.reduce<readonly Facts[]>(
    (all, name) =>
      all.flatMap((point) =>
        (DOMAIN[name] ?? []).map((value) => (value === undefined ? point : { ...point, [name]: value })),
      ),
    [{}],
  )

/** A policy without one of its entries. */
const without = (policy: Policy, id: string): Policy => ({
  ...policy,
  denyIf: policy.denyIf.filter((each) => each.id !== id),
  requiresApprovalIf: policy.requiresApprovalIf.filter((each) => each.id !== id),
  rules: (policy.rules ?? []).filter((each) => each.id !== id),
  trust: { ...policy.trust, atLeast: policy.trust.atLeast.filter((each) => each.id !== id) },
})

const cases = fc
  .subarray(names, { minLength: 1, maxLength: 2 })
  .chain((facts) => fc.record({ facts: fc.constant(facts), policy: policyAbout(facts) }))

/** Whether an entry is true of facts, and does not only deny since something is not known. */
function isTrue(policy: Policy, id: string, at: Facts): boolean {
  const trigger = [...policy.denyIf, ...policy.requiresApprovalIf].find((each) => each.id === id)
  const when = trigger === undefined ? policy.rules?.find((each) => each.id === id)?.when : { test: trigger }
  if (when === undefined) throw new Error(`there is no ${id}`)
  const rules = [{ id, effect: 'allow' as const, when, because: null }]
  const alone = { ...policy, denyIf: [], requiresApprovalIf: [], rules, trust: { ...policy.trust, atLeast: [] } }
  return decide(alone, pay, at).matches.some(({ effect }) => effect === 'allow')
}

test('what is said never to match matches nowhere, and what never tips the scale can all go', () => {
  const told = { dead: 0, shadowed: 0, contradicted: 0 }
  fc.assert(
    fc.property(cases, ({ facts, policy }) => {
      const points = grid(facts)
      const messages = doubtsAbout({ policy, text: '' }, 'p.yaml', [pay]).map(({ message }) => message)
      const of = (pattern: RegExp): readonly string[] => messages.flatMap((message) => pattern.exec(message)?.[1] ?? [])
      const dead = of(/^`(\S+)` can never match/)
      const shadowed = of(/^`(\S+)` never tips the scale/)
      const contradicted = of(/^`(\S+)` says `allow`/)
      told.dead += dead.length
      told.shadowed += shadowed.length
      told.contradicted += contradicted.length

      const rest = shadowed.reduce(without, policy)
      for (const at of points) {
        const { effect } = decide(policy, pay, at)
        expect(saidOf(rest, at)).toBe(saidOf(policy, at))
        expect(dead.filter((id) => isTrue(policy, id, at))).toEqual([])
        expect(effect === 'allow' ? contradicted.filter((id) => isTrue(policy, id, at)) : []).toEqual([])
      }
      // Whatever is left decides something alone; of texts the points are too few to tell.
      const left = [...rest.denyIf, ...rest.requiresApprovalIf, ...(rest.rules ?? [])]
      const isAllow = (id: string): boolean =>
        policy.rules?.some((rule) => rule.id === id && rule.effect === 'allow') === true
      const idle = left.filter(({ id }) => {
        if (left.length === 1 || facts.includes('reason') || dead.includes(id) || isAllow(id)) return false
        const less = without(rest, id)
        return points.every((at) => saidOf(less, at) === saidOf(rest, at))
      })
      expect(idle).toEqual([])
    }),
    runs(1_000),
  )
  for (const count of Object.values(told)) expect(count).toBeGreaterThan(20)
})
