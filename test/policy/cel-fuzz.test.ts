import * as cel from '@marcbachmann/cel-js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Facts } from '../../src/contract/fact.ts'
import { usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import type { Policy } from '../../src/policy/types.ts'
import { pay, refundRequest } from './fake-playbook.ts'
import { fuzzing } from './fuzzing.ts'
import { sameEverywhere } from './same-everywhere.ts'

const runs = fuzzing('cel-fuzz')

function policyOf(when: object): Policy {
  const rule = { id: 'r', effect: 'escalate', when }
  const parsed = parsePolicy(`workflow: refund_request\nrules: [${JSON.stringify(rule)}]\n`, 'p.yaml', [refundRequest])
  if (!parsed.ok) throw new Error(`${JSON.stringify(when)}\n${parsed.problems.map(formatProblem).join('\n')}`)
  return parsed.policy
}

const TIERS = ['standard', 'plus', 'enterprise'] as const
const CENTS = [-250, 0, 1, 4_999, 5_000, 5_001, 12_000] as const
const DAYS = [-1, 0, 0.5, 1, 2.25, 30, 31] as const
const TEXTS = ['', 'broken', 'It BROKE', 'ｂｒｏｋｅｎ', 'a  b', "it's \\ fine", 'bro\u200bken'] as const
const NEEDLES = ['broken', 'Broken', 'a b', "it's", 'ｂ', '\\'] as const

const oneOf = <T>(values: readonly T[]) => fc.constantFrom(...values)
const facts = fc.record({
  refund_amount_usd: oneOf(CENTS.map(usd)),
  order_age_days: oneOf(DAYS),
  customer_tier: oneOf(TIERS),
  customer_blocked: fc.boolean(),
  reason: oneOf(TEXTS),
})

// The same question, by operators and in CEL.

interface Both {
  readonly when: object
  readonly cel: string
  readonly names: readonly string[]
}
const amount = (cents: number): string => String(cents / 100)
const word = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`

const ORDER = { gt: '>', gte: '>=', lt: '<', lte: '<=', eq: '==', ne: '!=' } as const
const compared = (name: string, values: readonly number[]): fc.Arbitrary<Both> =>
  fc
    .tuple(oneOf(Object.keys(ORDER) as (keyof typeof ORDER)[]), oneOf(values))
    .map(([op, value]) => ({ when: { [`${name}_${op}`]: value }, cel: `${name} ${ORDER[op]} ${value}`, names: [name] }))
const listed = (name: string, values: readonly (number | string)[]): fc.Arbitrary<Both> =>
  fc.tuple(fc.boolean(), fc.subarray([...values], { minLength: 1 })).map(([isIn, list]) => {
    const all = `${name} in [${list.map((each) => (typeof each === 'number' ? String(each) : word(each))).join(', ')}]`
    return { when: { [`${name}_${isIn ? 'in' : 'not_in'}`]: list }, cel: isIn ? all : `!(${all})`, names: [name] }
  })
const leaf = fc.oneof(
  compared(
    'refund_amount_usd',
    CENTS.map((cents) => Number(amount(cents))),
  ),
  listed(
    'refund_amount_usd',
    CENTS.map((cents) => Number(amount(cents))),
  ),
  compared('order_age_days', DAYS),
  listed('order_age_days', DAYS),
  listed('customer_tier', TIERS),
  oneOf(TIERS).map((tier): Both => ({
    when: { customer_tier_eq: tier },
    cel: `${word(tier)} == customer_tier`,
    names: ['customer_tier'],
  })),
  fc.boolean().map((is): Both => ({
    when: { customer_blocked_eq: is },
    cel: is ? 'customer_blocked' : '!customer_blocked',
    names: ['customer_blocked'],
  })),
  listed('reason', ['broken', 'a b', '']),
  oneOf(NEEDLES).map((text): Both => ({
    when: { reason_contains: text },
    cel: `reason.contains(${word(text)})`,
    names: ['reason'],
  })),
  oneOf(NEEDLES).map((text): Both => ({
    when: { reason_starts_with: text },
    cel: `reason.startsWith(${word(text)})`,
    names: ['reason'],
  })),
  oneOf(TEXTS).map((text): Both => ({ when: { reason_ne: text }, cel: `reason != ${word(text)}`, names: ['reason'] })),
)
const { both } = fc.letrec<{ both: Both }>((tie) => ({
  both: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.tuple(fc.boolean(), fc.array(tie('both'), { minLength: 1, maxLength: 3 })).map(([isAll, parts]): Both => ({
      when: { [isAll ? 'all' : 'any']: parts.map(({ when }) => when) },
      cel: parts.map(({ cel: text }) => `(${text})`).join(isAll ? ' && ' : ' || '),
      names: parts.flatMap(({ names }) => names),
    })),
    tie('both').map((part): Both => ({ when: { not: part.when }, cel: `!(${part.cel})`, names: part.names })),
  ),
}))
const short = both.filter(({ cel: text }) => text.length <= 500)

test('CEL and operators that ask the same decide the same; a fact that is not known makes CEL deny', () => {
  fc.assert(
    fc.property(short, facts, fc.option(oneOf(Object.keys(pay.declares))), (asked, all, missing) => {
      const known = Object.fromEntries(Object.entries(all).filter(([name]) => name !== missing)) as Facts
      const isLacking = missing !== null && asked.names.includes(missing)
      const wanted = isLacking ? 'deny' : decide(policyOf(asked.when), pay, known).effect
      const { effect, matches } = decide(policyOf({ cel: asked.cel }), pay, known)
      expect(effect, asked.cel).toBe(wanted)
      expect(matches.some(({ because }) => because === `${missing} is not known`)).toBe(isLacking)
    }),
    runs(4_000),
  )
})

// Expressions that no operator can say, beside the library's own evaluator: there money is whole cents.

interface Written {
  readonly ours: string
  readonly theirs: string
}
const same = (text: string): Written => ({ ours: text, theirs: text })
const joined = (op: string, { ours, theirs }: Written, other: Written): Written => ({
  ours: `(${ours} ${op} ${other.ours})`,
  theirs: `(${theirs} ${op} ${other.theirs})`,
})
const BIG = '99999999999999'

const expressions = fc.letrec<{ money: Written; int: Written; number: Written; bool: Written }>((tie) => {
  const pair = (kind: 'money' | 'int' | 'number' | 'bool', ops: readonly string[]) =>
    fc.tuple(oneOf(ops), tie(kind), tie(kind)).map(([op, one, other]) => joined(op, one, other))
  const choice = (kind: 'money' | 'int' | 'number' | 'bool') =>
    fc.tuple(tie('bool'), tie(kind), tie(kind)).map(([asked, yes, no]): Written => ({
      ours: `(${asked.ours} ? ${yes.ours} : ${no.ours})`,
      theirs: `(${asked.theirs} ? ${yes.theirs} : ${no.theirs})`,
    }))
  const ORDERED = ['<', '<=', '>', '>=', '==', '!=']
  return {
    money: fc.oneof(
      { maxDepth: 3 },
      fc.constant(same('refund_amount_usd')),
      fc
        .tuple(oneOf(['+', '-']), oneOf(CENTS.filter((cents) => cents >= 0)), tie('money'))
        .map(([op, cents, money]) =>
          joined(op, { ours: amount(cents), theirs: String(cents) }, { ours: `(${money.ours})`, theirs: money.theirs }),
        ),
      pair('money', ['+', '-']),
      fc.tuple(tie('money'), tie('int')).map(([money, int]) => joined('*', money, int)),
      tie('money').map(({ ours, theirs }) => ({ ours: `-(${ours})`, theirs: `-(${theirs})` })),
      choice('money'),
    ),
    int: fc.oneof(
      { maxDepth: 3 },
      oneOf(['0', '1', '3', '7', BIG, 'size(reason)']).map(same),
      pair('int', ['+', '-', '*', '/', '%']),
      choice('int'),
    ),
    number: fc.oneof(
      { maxDepth: 3 },
      oneOf(['order_age_days', '0.5', '2.0']).map(same),
      pair('number', ['+', '-', '*']),
      choice('number'),
    ),
    bool: fc.oneof(
      { maxDepth: 3 },
      oneOf(['customer_blocked', "(customer_tier == 'plus')", "reason.endsWith('en')", "reason.contains('b')"]).map(
        same,
      ),
      pair('money', ORDERED),
      pair('int', ORDERED),
      pair('number', ORDERED),
      fc.tuple(oneOf(['<', '>=']), tie('number'), tie('int')).map(([op, number, int]) => joined(op, number, int)),
      pair('bool', ['&&', '||', '==', '!=']),
      choice('bool'),
      tie('bool').map(({ ours, theirs }) => ({ ours: `!(${ours})`, theirs: `!(${theirs})` })),
    ),
  }
})
const names = Object.keys(pay.declares)
const written = expressions.bool.filter(
  // Two amounts that are written out are numbers; that is another question in cents.
  ({ ours }) => ours.length <= 500 && names.some((name) => ours.includes(name)),
)

const environment = new cel.Environment()
  .registerVariable('refund_amount_usd', 'int')
  .registerVariable('order_age_days', 'double')
  .registerVariable('customer_tier', 'string')
  .registerVariable('customer_blocked', 'bool')
  .registerVariable('reason', 'string')

const PLAIN: Readonly<Record<string, string>> = {
  'It BROKE': 'it broke',
  ｂｒｏｋｅｎ: 'broken',
  'a  b': 'a b',
  'bro\u200bken': 'broken',
}

test('computes as the library does', () => {
  let [yes, no, neither] = [0, 0, 0]
  fc.assert(
    fc.property(written, facts, ({ ours, theirs }, known) => {
      const { refund_amount_usd, order_age_days, customer_tier, customer_blocked, reason } = known
      const values = {
        refund_amount_usd: BigInt(refund_amount_usd.cents),
        order_age_days,
        customer_tier,
        customer_blocked,
        reason: PLAIN[reason] ?? reason,
      }
      let wanted: string
      try {
        wanted = environment.evaluate(theirs, values) === true ? 'escalate' : 'allow'
      } catch {
        wanted = 'deny'
      }
      if (wanted === 'escalate') yes++
      else if (wanted === 'allow') no++
      else neither++
      expect(decide(policyOf({ cel: ours }), pay, known).effect, `${ours} | ${theirs}`).toBe(wanted)
    }),
    runs(4_000),
  )
  console.info(`cel-fuzz ${yes} true, ${no} false, ${neither} that cannot be computed`)
  expect(Math.min(yes, no, neither)).toBeGreaterThan(50)
})

const WORDS =
  "refund_amount_usd order_age_days customer_tier customer_blocked reason note_body colour && || ! == != < <= > >= + - * / % ? : ( ) [ ] { } , . in true false null 1 0 2.5 49.99 1e3 0x1 1u 'plus' \"a\" r'x' b'x' '' size( .contains( .matches( .exists(x, .map(x, has( cel.bind(x, dyn( type( timestamp( duration( // \n @ \\ ' int list".split(
    ' ',
  )

test('whatever stands in an expression, it is read or refused at a place inside the file, and what is read can be decided', () => {
  let read = 0
  const soup = fc.array(oneOf(WORDS), { maxLength: 12 }).map((all) => all.join(' '))
  // What can be read, with a word or two of it exchanged.
  const near = fc
    .tuple(written, fc.array(fc.tuple(fc.nat(), oneOf(WORDS)), { maxLength: 2 }))
    .map(([{ ours }, edits]) => {
      const pieces = ours.split(/\b/)
      for (const [at, put] of edits) pieces[at % pieces.length] = put
      return pieces.join('')
    })
  const holds = (text: string, known: Facts): void => {
    const yaml = `workflow: refund_request\nrules: [{ id: r, effect: escalate, when: { cel: ${JSON.stringify(text)} } }]\n`
    const parsed = parsePolicy(yaml, 'p.yaml', [refundRequest])
    const places = parsed.ok ? [] : parsed.problems.map(({ line, column }) => line === 2 && column <= yaml.length)
    expect(places.every(Boolean), text).toBe(true)
    if (!parsed.ok) return
    read++
    expect(decide(parsed.policy, pay, known).matches.map(({ rule }) => rule)).not.toContain('decision_failed')
  }
  fc.assert(fc.property(fc.oneof(soup, near, fc.string({ unit: 'binary' })), facts, holds), runs(10_000))
  expect(read).toBeGreaterThan(500)
})

test('the sandbox, a policy as it is stored and Node come to the same, in every word', async () => {
  const texts = fc.oneof(
    short.map(({ cel: text }) => text),
    written.map(({ ours }) => ours),
  )
  const asked = fc.sample(fc.tuple(texts, facts), runs(500)).map(([text, known]) => ({
    policy: policyOf({ cel: text }),
    facts: known,
  }))
  const told = await sameEverywhere(asked)
  expect(new Set(told.map(({ effect }) => effect))).toEqual(new Set(['allow', 'escalate', 'deny']))
})
