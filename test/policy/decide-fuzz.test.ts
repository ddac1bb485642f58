import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Effect } from '../../src/contract/action.ts'
import { canonicalJson } from '../../src/contract/digest.ts'
import type { FactValue } from '../../src/contract/fact.ts'
import { money, usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import {
  type Autonomy,
  AUTONOMY_LEVELS,
  type Condition,
  type Operand,
  type Operator,
  OPERATORS,
  type Policy,
  type Rule,
  type Trigger,
} from '../../src/policy/types.ts'
import { note, pay, policyOf } from './fake-playbook.ts'
import { fuzzing } from './fuzzing.ts'

const runs = fuzzing('decide-fuzz')

type Raw = Readonly<Record<string, FactValue | undefined>>

// The reference: written from docs/writing-a-policy.md, and sharing nothing with the code that it checks.

const OF: Record<string, string> = {
  refund_amount_usd: 'eq ne gt gte lt lte in not_in exists',
  order_age_days: 'eq ne gt gte lt lte in not_in exists',
  reason: 'eq ne in not_in contains contains_any starts_with exists',
  note_body: 'eq ne in not_in contains contains_any starts_with exists',
  customer_tier: 'eq ne in not_in exists',
  customer_blocked: 'eq ne exists',
}

const plain = (value: FactValue): number | string | boolean => {
  if (typeof value === 'object') return value.cents
  if (typeof value !== 'string') return value
  const zeroWidth = value.replaceAll('\u200b', '').normalize('NFKC').toLowerCase()
  return zeroWidth
    .split(/[ \n]+/)
    .filter((word) => word !== '')
    .join(' ')
}

const isSound = (fact: string, value: FactValue): boolean => {
  if (fact === 'refund_amount_usd')
    return typeof value === 'object' && value.currency === 'USD' && value.cents % 1 === 0
  if (fact === 'order_age_days') return typeof value === 'number' && value - value === 0
  if (fact === 'customer_blocked') return value === true || value === false
  if (fact === 'customer_tier') return value === 'standard' || value === 'plus' || value === 'enterprise'
  return typeof value === 'string'
}

const isTrue = (operator: Operator, value: FactValue, operands: readonly Operand[]): boolean => {
  const left = plain(value)
  const all = operands.map(plain)
  const [right = ''] = all
  if (operator === 'eq') return left === right
  if (operator === 'ne') return left !== right
  if (operator === 'gt') return left > right
  if (operator === 'gte') return left >= right
  if (operator === 'lt') return left < right
  if (operator === 'lte') return left <= right
  if (operator === 'in') return all.some((each) => each === left)
  if (operator === 'not_in') return all.every((each) => each !== left)
  if (operator === 'starts_with') return String(left).indexOf(String(right)) === 0
  return all.some((each) => String(left).split(String(each)).length > 1)
}

const judged = ({ fact, operator, operands }: Trigger, effect: Effect, declared: object, facts: Raw): Effect => {
  if (!(fact in declared)) return 'allow'
  const value = facts[fact]
  if (!OF[fact]?.split(' ').includes(operator)) return 'deny'
  if (value !== undefined && !isSound(fact, value)) return 'deny'
  if (operator === 'exists') return (value !== undefined) === operands[0] ? effect : 'allow'
  if (value === undefined || !operands.every((operand) => isSound(fact, operand))) return 'deny'
  return isTrue(operator, value, operands) ? effect : 'allow'
}

const WORDS_OF = { model: ['reason'], request: ['note_body'] }
type Demand = Policy['trust']['atLeast'][number]

const distrusted = ({ fact, trust }: Demand, onLess: Effect, declared: object, facts: Raw): Effect => {
  const isLess = WORDS_OF.model.includes(fact)
    ? trust !== 'model'
    : WORDS_OF.request.includes(fact) && trust === 'record'
  if (!(fact in declared) || !isLess) return 'allow'
  const value = facts[fact]
  return value !== undefined && isSound(fact, value) ? onLess : 'deny'
}

// What is tried.

const text = fc
  .array(fc.constantFrom('fraud', 'FRAUD', 'fr\u200baud', 'ｆｒａｕｄ', 'late', ' ', '\n', '\u200b', 'a', 'é', ''), {
    maxLength: 4,
  })
  .map((words) => words.join(''))
const needle = text.filter((each) => plain(each) !== '')
const tier = fc.constantFrom('standard', 'plus', 'enterprise')
const cents = fc.integer({ min: -3, max: 3 }).map(usd)
const days = fc.constantFrom(-1, 0, 0.5, 1, 1e9)

const VALUES: Record<string, fc.Arbitrary<FactValue>> = {
  refund_amount_usd: cents,
  order_age_days: days,
  reason: text,
  note_body: text,
  customer_tier: tier,
  customer_blocked: fc.boolean(),
}
const unsound = fc.constantFrom<FactValue>(Number.NaN, Number.POSITIVE_INFINITY, money('EUR', 1), 'gold', {
  currency: 'USD',
  cents: 0.5,
})
const factNames = fc.constantFrom(...Object.keys(VALUES))

const trigger = fc.tuple(factNames, fc.constantFrom(...OPERATORS)).chain(([fact, operator]) => {
  const value = VALUES[fact] ?? fc.constant('')
  const lists = operator === 'in' || operator === 'not_in' || operator.startsWith('contains')
  const one =
    operator === 'exists'
      ? fc.boolean()
      : operator.startsWith('contains') || operator === 'starts_with'
        ? needle
        : value
  const operand = fc.oneof({ weight: 30, arbitrary: one }, { weight: 1, arbitrary: unsound })
  const operands = fc.array(operand, { minLength: 1, maxLength: lists ? 4 : 1 })
  return operands.map((all): Trigger => ({ id: `${fact}_${operator}`, fact, operator, operands: all }))
})
// Operands of `exists` that are no booleans are tried in operators.test.ts.
const sound = trigger.filter(({ operator, operands }) => operator !== 'exists' || typeof operands[0] === 'boolean')

const facts = fc
  .tuple(
    ...Object.values(VALUES).map((value) =>
      fc.option(fc.oneof({ weight: 30, arbitrary: value }, unsound), { nil: undefined }),
    ),
  )
  .map((values): Raw => Object.fromEntries(Object.keys(VALUES).map((name, at) => [name, values[at]])))

const demand = fc
  .tuple(factNames, fc.constantFrom('model' as const, 'request' as const, 'record' as const))
  .map(([fact, trust]): Demand => ({ id: `trust.at_least.${fact}`, fact, trust }))
const demands = fc.record({
  atLeast: fc.array(demand, { maxLength: 2 }),
  onLess: fc.constantFrom('require_approval' as const, 'deny' as const, 'escalate' as const),
})

/** A rule by truth tables of three values, worked out from the docs: `null` is neither true nor false. */
const truth = (condition: Condition, facts_: Raw): boolean | null => {
  if ('not' in condition) {
    const inner = truth(condition.not, facts_)
    return inner === null ? null : !inner
  }
  if ('test' in condition) {
    const { fact, operator, operands } = condition.test
    const value = facts_[fact]
    if (!OF[fact]?.split(' ').includes(operator)) return null
    if (value !== undefined && !isSound(fact, value)) return null
    if (operator === 'exists') return (value !== undefined) === operands[0]
    if (value === undefined || !operands.every((operand) => isSound(fact, operand))) return null
    return isTrue(operator, value, operands)
  }
  if ('cel' in condition) throw new TypeError('CEL has a fuzz of its own')
  const isAll = 'all' in condition
  const parts = (isAll ? condition.all : condition.any).map((part) => truth(part, facts_))
  if (parts.includes(!isAll)) return !isAll
  return parts.includes(null) ? null : isAll
}
const factsIn = (condition: Condition): readonly string[] => {
  if ('test' in condition) return [condition.test.fact]
  if ('not' in condition) return factsIn(condition.not)
  if ('cel' in condition) return condition.cel.facts
  return ('all' in condition ? condition.all : condition.any).flatMap(factsIn)
}
const ruled = ({ when, effect }: Rule, declared: object, facts_: Raw): Effect | undefined => {
  if (!factsIn(when).every((fact) => fact in declared)) return undefined
  const is = truth(when, facts_)
  return is === null ? 'deny' : is ? effect : undefined
}

const condition = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    sound.map((test_): Condition => ({ test: test_ })),
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((all): Condition => ({ all })),
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map((any): Condition => ({ any })),
    tie('condition').map((not): Condition => ({ not })),
  ),
})).condition
const ruleSets = fc
  .array(
    fc.tuple(
      condition,
      fc.constantFrom('deny' as const, 'escalate' as const, 'require_approval' as const, 'allow' as const),
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((all) => all.map(([when, effect], at): Rule => ({ id: `rules.r${at}`, effect, when, because: null })))

test('rules decide as truth tables of three values do, each with its words', () => {
  fc.assert(
    fc.property(ruleSets, fc.constantFrom(pay, note), facts, (all, tool, raw) => {
      const known = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined))
      const { matches } = decide({ ...policyOf({}), rules: all }, tool, known as never)
      const wanted = all.flatMap((rule) => {
        const effect = ruled(rule, tool.declares, raw)
        return effect === undefined ? [] : [[rule.id, effect] as const]
      })
      expect(new Set(matches.map(({ rule, effect }) => `${rule} ${effect}`))).toEqual(
        new Set(wanted.map(([rule, effect]) => `${rule} ${effect}`)),
      )
      expect(matches.every(({ because }) => because !== '' && !because.includes('\n'))).toBe(true)
      canonicalJson(matches)
    }),
    runs(40_000),
  )
})

const STRENGTH: readonly Effect[] = ['allow', 'require_approval', 'suggest', 'escalate', 'deny']
const LEVELS: Readonly<Record<Autonomy, Effect>> = {
  suggest: 'suggest',
  execute_with_approvals: 'require_approval',
  execute_under_policy: 'allow',
}
const levels = fc.constantFrom(undefined, ...AUTONOMY_LEVELS)

test('decides as the reference does, and says why', () => {
  const input = fc.tuple(
    fc.array(sound, { maxLength: 4 }),
    fc.array(sound, { maxLength: 4 }),
    fc.constantFrom(pay, note),
    facts,
    demands,
    levels,
  )
  fc.assert(
    fc.property(input, ([denyIf, requiresApprovalIf, tool, raw, trust, autonomy]) => {
      const known = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined))
      const decision = decide(
        { ...policyOf({ denyIf, requiresApprovalIf, trust }), ...(autonomy && { autonomy }) },
        tool,
        known as never,
      )
      const triggers = [
        ...denyIf.map((one) => [one.id, judged(one, 'deny', tool.declares, raw)] as const),
        ...requiresApprovalIf.map((one) => [one.id, judged(one, 'require_approval', tool.declares, raw)] as const),
      ]
      const level = autonomy === undefined ? [] : [[`autonomy.${autonomy}`, LEVELS[autonomy]] as const]
      const each = [
        ...level,
        ...(triggers.length === 0 ? [['no_triggers', 'require_approval'] as const] : triggers),
        ...trust.atLeast.map((one) => [one.id, distrusted(one, trust.onLess, tool.declares, raw)] as const),
      ]
      const strongest = each.reduce<Effect>(
        (most, [, effect]) => (STRENGTH.indexOf(effect) > STRENGTH.indexOf(most) ? effect : most),
        'allow',
      )
      expect(decision.effect).toBe(strongest)
      const rules = (['deny', 'escalate', 'suggest', 'require_approval', 'allow'] as const).flatMap((strength) =>
        // What is allowed by a level is on the record; a trigger that does not match is not.
        (strength === 'allow' ? level : each).filter(([, effect]) => effect === strength),
      )
      expect(decision.matches.map(({ rule, effect }) => [rule, effect])).toEqual(rules)
      expect(decision.matches.every(({ because }) => because !== '' && !because.includes('\n'))).toBe(true)
      canonicalJson(decision)
    }),
    runs(30_000),
  )
})

test('never throws, whatever it is given, and allows nothing that it cannot read', () => {
  const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withSparseArray: true })
  fc.assert(
    fc.property(trigger, anything, anything, (one, facts_, odd) => {
      const policy = policyOf({ denyIf: [one, odd as never] })
      expect(['deny', 'allow']).toContain(decide(policy, pay, facts_ as never).effect)
      expect(decide({ ...policy, denyIf: odd as never, requiresApprovalIf: [one] }, pay, {}).effect).toMatch(
        /^(deny|allow|require_approval)$/,
      )
      const strange = { [one.fact]: odd } as never
      const strict = policyOf({ denyIf: [{ ...one, operator: 'exists', operands: [true] }] })
      // A value, however odd, is not overlooked: it exists, or it cannot be compared.
      expect(decide(strict, one.fact === 'note_body' ? note : pay, strange).effect).toBe(
        odd === undefined ? 'allow' : 'deny',
      )
    }),
    runs(10_000),
  )
})
