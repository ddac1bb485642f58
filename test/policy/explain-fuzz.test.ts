import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Facts, FactValue } from '../../src/contract/fact.ts'
import { explainAction } from '../../src/policy/analyse/explain.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { pay } from './fake-playbook.ts'
import { fuzzing } from './fuzzing.ts'
import { DOMAIN, policyAbout, saidOf } from './random-policy.ts'

const runs = fuzzing('explain-fuzz')

const names = Object.keys(pay.declares)
const factsOf = (facts: readonly string[]): fc.Arbitrary<Facts> =>
  fc
    .record(Object.fromEntries(facts.map((fact) => [fact, fc.constantFrom(...(DOMAIN[fact] ?? []))])))
    .map((given) => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Facts)

const cases = fc
  .subarray(names, { minLength: 1, maxLength: 3 })
  .chain((facts) => fc.record({ facts: fc.constant(facts), policy: policyAbout(facts), at: factsOf(facts) }))

const withFact = (at: Facts, fact: string, value: FactValue | undefined): Facts => {
  const rest = Object.fromEntries(Object.entries(at).filter(([name]) => name !== fact))
  return value === undefined ? rest : { ...rest, [fact]: value }
}

const point = (value: FactValue | undefined): number => (typeof value === 'object' ? value.cents : Number(value))

test('every change of one fact does what explain says, and of those that there are it tells the nearest', () => {
  let compared = 0
  fc.assert(
    fc.property(cases, ({ facts, policy, at }) => {
      const { decision, changes, nearly } = explainAction(policy, pay, at)
      expect(decision).toEqual(decide(policy, pay, at))
      for (const { fact, value, effect } of changes) {
        expect(decide(policy, pay, withFact(at, fact, value)).effect).toBe(effect)
        expect(saidOf(policy, withFact(at, fact, value))).not.toBe(saidOf(policy, at))
      }
      for (const { fact, value, rule, effect } of nearly) {
        expect(decision.matches.map((match) => match.rule)).not.toContain(rule)
        const then = decide(policy, pay, withFact(at, fact, value)).matches
        expect(then.map((match) => `${match.rule} ${match.effect}`)).toContain(`${rule} ${effect}`)
      }
      // Of a text the nearest is not told; the domain has every kind of the others.
      for (const fact of facts.filter((name) => name !== 'reason')) {
        for (const value of (DOMAIN[fact] ?? []).filter((each) => each !== undefined)) {
          const said = saidOf(policy, withFact(at, fact, value))
          const told = changes.find(
            (change) => change.fact === fact && saidOf(policy, withFact(at, fact, change.value)) === said,
          )
          expect(told !== undefined || said === saidOf(policy, at)).toBe(true)
          const isFar = Number.isFinite(point(value)) && Number.isFinite(point(at[fact])) && told?.value !== undefined
          const away = (other: FactValue | undefined): number => Math.abs(point(other) - point(at[fact]))
          // Beside a threshold there is no nearest number: the one a step away is told.
          const step = typeof value === 'number' ? 1 : 0
          expect(!isFar || away(told.value) <= away(value) + step).toBe(true)
          compared++
        }
      }
    }),
    runs(1_000),
  )
  expect(compared).toBeGreaterThan(1_000)
})
