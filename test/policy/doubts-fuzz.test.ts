import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Facts } from '../../src/contract/fact.ts'
import { doubtsAbout } from '../../src/policy/analyse/doubts.ts'
import { decide } from '../../src/policy/decide/index.ts'
import type { Policy } from '../../src/policy/types.ts'
import { pay } from './fake-playbook.ts'
import { DOMAIN, policyAbout } from './random-policy.ts'

/** Set FUZZ_SEED to repeat a run, FUZZ_RUNS to multiply its length. */
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
const times = Number(process.env['FUZZ_RUNS'] ?? 1)
console.info(`doubts-fuzz seed ${seed}`)

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

const idOf = (message: string, pattern: RegExp): string | undefined => pattern.exec(message)?.[1]

const cases = fc
  .subarray(names, { minLength: 1, maxLength: 2 })
  .chain((facts) => fc.record({ facts: fc.constant(facts), policy: policyAbout(facts) }))

test('what is said never to match matches nowhere, and what never tips the scale can all go', () => {
  const told = { dead: 0, shadowed: 0, contradicted: 0 }
  fc.assert(
    fc.property(cases, ({ facts, policy }) => {
      const points = grid(facts)
      const messages = doubtsAbout({ policy, text: '' }, 'p.yaml', [pay]).map(({ message }) => message)
      let rest = policy
      for (const message of messages) {
        const dead = idOf(message, /^`(\S+)` can never match/)
        const shadowed = idOf(message, /^`(\S+)` never tips the scale/)
        const contradicted = idOf(message, /^`(\S+)` says `allow`/)
        if (shadowed !== undefined) {
          rest = without(rest, shadowed)
          told.shadowed++
        }
        for (const at of points) {
          const { effect, matches } = decide(policy, pay, at)
          if (dead !== undefined) {
            // It may still deny what is not known.
            const only: Policy = {
              ...without(policy, ''),
              denyIf: [],
              requiresApprovalIf: [],
              trust: { ...policy.trust, atLeast: [] },
            }
            const [own] = [...policy.denyIf, ...policy.requiresApprovalIf].filter(({ id }) => id === dead)
            const when = own === undefined ? policy.rules?.find(({ id }) => id === dead)?.when : { test: own }
            if (when === undefined) throw new Error(`there is no ${dead}`)
            const asked = decide({ ...only, rules: [{ id: dead, effect: 'allow', when, because: null }] }, pay, at)
            expect(asked.matches.map((match) => match.effect)).not.toContain('allow')
          }
          if (
            contradicted !== undefined &&
            matches.some((match) => match.rule === contradicted && match.effect === 'allow')
          ) {
            expect(effect).not.toBe('allow')
          }
        }
        if (dead !== undefined) told.dead++
        if (contradicted !== undefined) told.contradicted++
      }
      for (const at of points) expect(decide(rest, pay, at).effect).toBe(decide(policy, pay, at).effect)
    }),
    { seed, numRuns: 1_000 * times },
  )
  for (const count of Object.values(told)) expect(count).toBeGreaterThan(20)
})
