import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FactValue } from '../../src/contract/fact.ts'
import { diffPolicies, isSame } from '../../src/policy/analyse/diff.ts'
import type { Part } from '../../src/policy/analyse/regions.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { note, pay } from './fake-playbook.ts'
import { fuzzing } from './fuzzing.ts'
import { DOMAIN, policyAbout, saidOf } from './random-policy.ts'

const runs = fuzzing('diff-fuzz')

type Facts = Readonly<Record<string, FactValue>>

/** Every combination of the values that a few facts have in the domain. */
function grid(names: readonly string[]): readonly Facts[] {
  let all: readonly Facts[] = [{}]
  for (const name of names) {
    all = all.flatMap((facts) =>
      (DOMAIN[name] ?? []).map((value) => (value === undefined ? facts : { ...facts, [name]: value })),
    )
  }
  return all
}

const plain = (text: string): string => text.toLowerCase().trim()

/** Whether a value is in a part, read from the report and from nothing that made it. */
function isInPart(part: Part, value: FactValue | undefined): boolean {
  if (value === undefined) return part.unknown
  if (part.anyKnown) return true
  if (typeof value === 'object' || typeof value === 'number') {
    const at = typeof value === 'object' ? value.cents : value
    return part.ranges.some(({ from, to, fromIncluded, toIncluded }) => {
      const isAbove = from === null || (fromIncluded ? at >= from : at > from)
      return isAbove && (to === null || (toIncluded ? at <= to : at < to))
    })
  }
  if (part.values.some((each) => each === value)) return true
  const text = plain(String(value))
  const isTrue = (place: number): boolean => {
    const { relation, words } = part.predicates[place] ?? { relation: 'is', words: [] }
    return words.map(plain).some((word) => {
      if (relation === 'is') return text === word
      return relation === 'contains' ? text.includes(word) : text.startsWith(word)
    })
  }
  return part.texts.some(({ are, areNot }) => are.every(isTrue) && !areNot.some(isTrue))
}

const names = Object.keys(pay.declares)
const pairs = fc
  .subarray(names, { minLength: 1, maxLength: 2 })
  .chain((facts) => fc.record({ facts: fc.constant(facts), before: policyAbout(facts), after: policyAbout(facts) }))
  // What `approvals` says otherwise is a setting, and no region.
  .map((pair) => ({ ...pair, after: { ...pair.after, approvals: pair.before.approvals } }))

test('what diff reports are the points that decide says otherwise of, and no others', () => {
  const differing = { effect: 0, people: 0 }
  fc.assert(
    fc.property(pairs, ({ facts, before, after }) => {
      const diff = diffPolicies(before, after, [pay])
      const [compared] = diff.tools
      const regions = compared?.regions ?? []
      const words = compared?.space.dimensions.flatMap(({ predicates }) => predicates) ?? []
      const asked = words.filter(({ relation }) => relation !== 'is').length
      // Only where one text is asked for very many words.
      const isExact = compared?.space.exact !== false
      expect(isExact || asked > 10).toBe(true)
      for (const at of isExact ? grid(facts) : []) {
        const [from, to] = [decide(before, pay, at).effect, decide(after, pay, at).effect]
        const reported = regions.filter(({ where }) => where.every((part) => isInPart(part, at[part.fact])))
        const isOther = saidOf(before, at) !== saidOf(after, at)
        const wanted = isOther ? [`${from} ${to}`] : []
        if (isOther) differing[from === to ? 'people' : 'effect']++
        expect(reported.map((region) => `${region.from} ${region.to}`)).toEqual(wanted)
      }
      for (const { from, to, witness, where } of regions) {
        expect([decide(before, pay, witness).effect, decide(after, pay, witness).effect]).toEqual([from, to])
        expect(saidOf(before, witness)).not.toBe(saidOf(after, witness))
        expect(where.every((part) => isInPart(part, witness[part.fact]))).toBe(true)
      }
    }),
    runs(2_000),
  )
  expect(differing.effect).toBeGreaterThan(2_000)
  expect(differing.people).toBeGreaterThan(500)
})

test('a policy does not differ from itself, whatever it says', () => {
  const any = fc.subarray([...names, 'note_body'], { minLength: 1, maxLength: 3 }).chain(policyAbout)
  fc.assert(
    fc.property(any, (policy) => {
      // The same in other words, so that there is something to compare.
      const rules = (policy.rules ?? []).map((rule) => ({ ...rule, when: { all: [rule.when] } }))
      const diff = diffPolicies(policy, { ...policy, rules }, [pay, note])
      expect(diff.tools.flatMap(({ regions }) => regions)).toEqual([])
      expect(isSame(diff)).toBe(diff.tools.every(({ space }) => space.exact))
      expect(isSame(diffPolicies(policy, structuredClone(policy), [pay, note]))).toBe(true)
    }),
    runs(300),
  )
})

test('of two policies whose `approvals` differ, a region whose people differ has a rule that says so, or the settings do', () => {
  fc.assert(
    fc.property(pairs, fc.constantFrom('a', 'b'), ({ facts, before, after }, group) => {
      const other = { ...after, approvals: { ...after.approvals, who: [group], quorum: 2 } }
      const diff = diffPolicies(before, other, [pay])
      const told = diff.settings.some(({ setting }) => /^approvals\.(who|quorum)$/.test(setting))
      const [compared] = diff.tools
      if (told || compared?.space.exact === false) return
      const regions = compared?.regions ?? []
      for (const at of grid(facts)) {
        if (saidOf(before, at) === saidOf(other, at)) continue
        expect(regions.some(({ where }) => where.every((part) => isInPart(part, at[part.fact])))).toBe(true)
      }
    }),
    runs(300),
  )
})
