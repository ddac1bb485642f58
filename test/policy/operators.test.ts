import { describe, expect, test } from 'vitest'
import type { FactDeclarations, Facts, FactValue } from '../../src/contract/fact.ts'
import { money, usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { OPERATOR_RULES } from '../../src/policy/decide/operators.ts'
import { type Operand, type Operator, OPERATORS } from '../../src/policy/types.ts'
import { pay, policyOf } from './fake-playbook.ts'

const judged = (fact: string, operator: Operator, operands: readonly Operand[], value: FactValue | undefined) => {
  const trigger = { id: `requires_approval_if.${fact}_${operator}`, fact, operator, operands }
  const facts: Facts = value === undefined ? {} : { [fact]: value }
  return decide(policyOf({ requiresApprovalIf: [trigger] }), pay, facts)
}

const declared: FactDeclarations = pay.declares
const trustOf = (fact: string) => declared[fact]?.trust

/** fact, operator, operands, value, and why it matches (`null`: it does not). */
type Row = readonly [string, Operator, readonly Operand[], FactValue, string | null]

const MONEY = 'refund_amount_usd'
const NUMBER = 'order_age_days'
const ENUM = 'customer_tier'
const TEXT = 'reason'
const BOOLEAN = 'customer_blocked'

const ROWS: readonly Row[] = [
  [MONEY, 'eq', [usd(5000)], usd(5000), 'refund_amount_usd is $50.00'],
  [MONEY, 'eq', [usd(5000)], usd(5001), null],
  [MONEY, 'ne', [usd(5000)], usd(5001), 'refund_amount_usd is $50.01, not $50.00'],
  [MONEY, 'ne', [usd(5000)], usd(5000), null],
  [MONEY, 'gt', [usd(5000)], usd(5001), 'refund_amount_usd is $50.01, more than $50.00'],
  [MONEY, 'gt', [usd(5000)], usd(5000), null],
  [MONEY, 'gte', [usd(5000)], usd(12000), 'refund_amount_usd is $120.00, at least $50.00'],
  [MONEY, 'gte', [usd(5000)], usd(5000), 'refund_amount_usd is $50.00, at least $50.00'],
  [MONEY, 'gte', [usd(5000)], usd(4999), null],
  [MONEY, 'lt', [usd(5000)], usd(-1), 'refund_amount_usd is -$0.01, less than $50.00'],
  [MONEY, 'lt', [usd(5000)], usd(5000), null],
  [MONEY, 'lte', [usd(5000)], usd(5000), 'refund_amount_usd is $50.00, at most $50.00'],
  [MONEY, 'lte', [usd(5000)], usd(5001), null],
  [MONEY, 'in', [usd(1), usd(2)], usd(2), 'refund_amount_usd is $0.02, one of $0.01, $0.02'],
  [MONEY, 'in', [usd(1), usd(2)], usd(3), null],
  [MONEY, 'not_in', [usd(1), usd(2)], usd(3), 'refund_amount_usd is $0.03, none of $0.01, $0.02'],
  [MONEY, 'not_in', [usd(1), usd(2)], usd(1), null],
  [MONEY, 'exists', [true], usd(1), 'refund_amount_usd is known'],
  [MONEY, 'exists', [false], usd(1), null],

  [NUMBER, 'eq', [30], 30, 'order_age_days is 30 days'],
  [NUMBER, 'eq', [30], 30.5, null],
  [NUMBER, 'ne', [30], 31, 'order_age_days is 31 days, not 30 days'],
  [NUMBER, 'ne', [30], 30, null],
  [NUMBER, 'gt', [30], 30.5, 'order_age_days is 30.5 days, more than 30 days'],
  [NUMBER, 'gt', [30], 30, null],
  [NUMBER, 'gte', [30], 30, 'order_age_days is 30 days, at least 30 days'],
  [NUMBER, 'gte', [30], 29, null],
  [NUMBER, 'lt', [30], 29, 'order_age_days is 29 days, less than 30 days'],
  [NUMBER, 'lt', [30], 30, null],
  [NUMBER, 'lte', [30], 30, 'order_age_days is 30 days, at most 30 days'],
  [NUMBER, 'lte', [30], 31, null],
  [
    NUMBER,
    'in',
    [1, 2, 3, 4, 5, 6, 7],
    7,
    'order_age_days is 7 days, one of 1 days, 2 days, 3 days, 4 days, 5 days and 2 more',
  ],
  [NUMBER, 'in', [1], 0, null],
  [NUMBER, 'not_in', [1], 0, 'order_age_days is 0 days, none of 1 days'],
  [NUMBER, 'not_in', [0], -0, null],
  [NUMBER, 'exists', [true], 0, 'order_age_days is known'],

  [ENUM, 'eq', ['plus'], 'plus', 'customer_tier is `plus`'],
  [ENUM, 'eq', ['plus'], 'standard', null],
  [ENUM, 'ne', ['plus'], 'standard', 'customer_tier is `standard`, not `plus`'],
  [ENUM, 'ne', ['plus'], 'plus', null],
  [ENUM, 'in', ['enterprise', 'plus'], 'plus', 'customer_tier is `plus`, one of `enterprise`, `plus`'],
  [ENUM, 'in', ['enterprise', 'plus'], 'standard', null],
  [ENUM, 'not_in', ['enterprise'], 'plus', 'customer_tier is `plus`, none of `enterprise`'],
  [ENUM, 'not_in', ['enterprise'], 'enterprise', null],
  [ENUM, 'exists', [true], 'plus', 'customer_tier is known'],

  [BOOLEAN, 'eq', [true], true, 'customer_blocked is true'],
  [BOOLEAN, 'eq', [true], false, null],
  [BOOLEAN, 'ne', [true], false, 'customer_blocked is false, not true'],
  [BOOLEAN, 'ne', [true], true, null],
  [BOOLEAN, 'exists', [true], false, 'customer_blocked is known'],

  [TEXT, 'eq', ['Wrong size'], ' wrong  SIZE ', "reason is ` wrong  SIZE ` (a model's word)"],
  [TEXT, 'eq', ['wrong size'], 'wrong', null],
  [TEXT, 'ne', ['wrong size'], 'late', "reason is `late` (a model's word), not `wrong size`"],
  [TEXT, 'ne', ['wrong size'], 'WRONG SIZE', null],
  [TEXT, 'in', ['late', 'lost'], 'Lost', "reason is `Lost` (a model's word), one of `late`, `lost`"],
  [TEXT, 'in', ['late', 'lost'], 'lost parcel', null],
  [TEXT, 'not_in', ['late', 'lost'], 'broken', "reason is `broken` (a model's word), none of `late`, `lost`"],
  [TEXT, 'not_in', ['late', 'lost'], 'LATE', null],
  [TEXT, 'contains', ['fraud'], 'it is FRAUD!', "reason contains `fraud` (a model's word)"],
  [
    TEXT,
    'contains',
    ['fraud', 'threat', 'abuse'],
    'abuse and fraud',
    "reason contains `fraud`, `abuse` (a model's word)",
  ],
  [TEXT, 'contains', ['fraud'], 'freud', null],
  [TEXT, 'contains', ['fraud'], '', null],
  [TEXT, 'contains_any', ['fraud', 'threat'], 'a threat', "reason contains `threat` (a model's word)"],
  [TEXT, 'contains_any', ['fraud', 'threat'], 'a treat', null],
  [TEXT, 'starts_with', ['legal:'], ' LEGAL: see above', "reason starts with `legal:` (a model's word)"],
  [TEXT, 'starts_with', ['legal:'], 'not legal: this', null],
  [TEXT, 'exists', [true], '', "reason is known (a model's word)"],
]

describe('operators', () => {
  test.each(ROWS)('%s %s %j of %j: %s', (fact, operator, operands, value, because) => {
    const rule = `requires_approval_if.${fact}_${operator}`
    const threshold = OPERATOR_RULES[operator].takes === 'one' ? operands[0] : operands
    const match = { rule, effect: 'require_approval', fact, trust: trustOf(fact), value, threshold, because }
    expect(judged(fact, operator, operands, value)).toEqual(
      because === null ? { effect: 'allow', matches: [] } : { effect: 'require_approval', matches: [match] },
    )
  })

  const FACTS = { money: MONEY, number: NUMBER, enum: ENUM, boolean: BOOLEAN, text: TEXT }
  const VALUES: Record<string, FactValue> = { money: usd(1), number: 1, enum: 'plus', boolean: true, text: 'plus' }

  test('every operator is tried on every type that it can be asked of, matching and not', () => {
    const tried = new Set(ROWS.map(([fact, operator, , , because]) => `${fact} ${operator} ${because !== null}`))
    for (const operator of OPERATORS) {
      if (operator === 'exists') continue
      for (const type of OPERATOR_RULES[operator].types) {
        expect(tried).toContain(`${FACTS[type]} ${operator} true`)
        expect(tried).toContain(`${FACTS[type]} ${operator} false`)
      }
    }
  })

  test('an operator asked of a type that it is not for denies', () => {
    for (const operator of OPERATORS) {
      for (const [type, fact] of Object.entries(FACTS)) {
        if (OPERATOR_RULES[operator].types.includes(type as keyof typeof FACTS)) continue
        const value = VALUES[type] as FactValue
        expect(judged(fact, operator, [value], value).effect, `${operator} of ${type}`).toBe('deny')
      }
    }
  })

  test('exists is the one operator that a fact which is not known does not deny', () => {
    for (const fact of Object.values(FACTS)) {
      expect(judged(fact, 'exists', [true], undefined)).toEqual({ effect: 'allow', matches: [] })
      expect(judged(fact, 'exists', [false], undefined).matches).toEqual([
        {
          rule: `requires_approval_if.${fact}_exists`,
          effect: 'require_approval',
          fact,
          trust: trustOf(fact),
          threshold: false,
          because: `${fact} is not known`,
        },
      ])
    }
  })

  test.each<readonly [string, Operator, readonly Operand[], FactValue]>([
    [MONEY, 'lt', [usd(5000)], money('EUR', 1)],
    [MONEY, 'lt', [money('EUR', 5000)], usd(1)],
    [MONEY, 'gte', [usd(5000)], { currency: 'USD', cents: Number.NaN }],
    [MONEY, 'gte', [usd(5000)], { currency: 'USD', cents: 1.5 }],
    [MONEY, 'gte', [usd(5000)], 1],
    [NUMBER, 'gte', [5], Number.NaN],
    [NUMBER, 'lt', [5], Number.POSITIVE_INFINITY],
    [NUMBER, 'gte', [5], '1'],
    [ENUM, 'in', ['plus'], 'platinum'],
    [ENUM, 'in', ['platinum'], 'plus'],
    [BOOLEAN, 'eq', [true], 'false'],
    [TEXT, 'contains', ['fraud'], 'fr\ud800aud'],
    [TEXT, 'contains', ['fraud'], null as never],
    [TEXT, 'contains', [], 'fraud'],
    [TEXT, 'eq', ['a', 'b'], 'c'],
    [TEXT, 'exists', ['true'], 'c'],
    [TEXT, 'constructor' as Operator, ['a'], 'c'],
  ])('what %s %s %j says of %o cannot be compared, and denies', (fact, operator, operands, value) => {
    expect(judged(fact, operator, operands, value)).toEqual({
      effect: 'deny',
      matches: [
        {
          rule: `requires_approval_if.${fact}_${operator}`,
          effect: 'deny',
          fact,
          trust: trustOf(fact),
          because: `${fact} cannot be compared: it is not what its contract declares`,
        },
      ],
    })
  })
})
