import { describe, expect, test } from 'vitest'
import { usd } from '../../src/contract/money.ts'
import { diffPolicies, isSame } from '../../src/policy/analyse/diff.ts'
import { doubtsAbout } from '../../src/policy/analyse/doubts.ts'
import { entriesOf } from '../../src/policy/analyse/entries.ts'
import { explainAction } from '../../src/policy/analyse/explain.ts'
import { decideAgain } from '../../src/policy/again.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { note, pay, refundRequest } from './fake-playbook.ts'

const loaded = (text: string) => {
  const parsed = parsePolicy(`workflow: refund_request\n${text}`, 'p.yaml', [refundRequest])
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  return parsed
}
const rule = (cel: string, effect = 'escalate') =>
  `rules:\n  - { id: r, effect: ${effect}, when: { cel: ${JSON.stringify(cel)} } }\n`
const policy = (cel: string) => loaded(rule(cel)).policy
const effectOf = (cel: string, facts: object): string => decide(policy(cel), pay, facts as never).effect

describe('an expression computes with', () => {
  /** What it asks, facts of which it holds, and facts of which it does not. */
  test.each<[string, string, object, object]>([
    [
      'money: a number beside it is an amount',
      'refund_amount_usd > 49.99',
      { refund_amount_usd: usd(5_000) },
      { refund_amount_usd: usd(4_999) },
    ],
    [
      'money, in cents',
      'refund_amount_usd + 0.01 == 0.3',
      { refund_amount_usd: usd(29) },
      { refund_amount_usd: usd(30) },
    ],
    [
      'money below 0',
      '-refund_amount_usd >= 1.5 && refund_amount_usd == -1.50',
      { refund_amount_usd: usd(-150) },
      { refund_amount_usd: usd(150) },
    ],
    [
      'money times whole numbers',
      'refund_amount_usd * 3 > 100',
      { refund_amount_usd: usd(3_334) },
      { refund_amount_usd: usd(3_333) },
    ],
    [
      'a list of amounts',
      'refund_amount_usd in [10, 20.5]',
      { refund_amount_usd: usd(2_050) },
      { refund_amount_usd: usd(2_000) },
    ],
    ['numbers, whole and not', 'order_age_days / 2 >= 15', { order_age_days: 30 }, { order_age_days: 29.5 }],
    [
      'whole numbers, rounded towards 0',
      'size(reason) / 2 == 2 && size(reason) % 2 == 1',
      { reason: 'abcde' },
      { reason: 'abcd' },
    ],
    ['characters and not halves of them', 'size(reason) == 2', { reason: '👍👍' }, { reason: '👍' }],
    ['text in its normal form', "reason.contains('Fraud')", { reason: 'a ＦＲＡＵＤ' }, { reason: 'a feud' }],
    ['the beginning of a text', "reason.startsWith('A  b')", { reason: ' a b c' }, { reason: 'b a' }],
    ['the end of a text', "reason.endsWith('!')", { reason: 'no!\n' }, { reason: '!no' }],
    ['one of some texts', "reason in ['STRASSE', 'x']", { reason: 'straße' }, { reason: 'gasse' }],
    [
      'enum values',
      "customer_tier in ['plus', 'enterprise']",
      { customer_tier: 'plus' },
      { customer_tier: 'standard' },
    ],
    ['booleans', '!customer_blocked', { customer_blocked: false }, { customer_blocked: true }],
    [
      'a choice',
      "refund_amount_usd > (customer_tier == 'enterprise' ? refund_amount_usd - 1 : refund_amount_usd + 1)",
      { customer_tier: 'enterprise', refund_amount_usd: usd(1) },
      { customer_tier: 'plus', refund_amount_usd: usd(1) },
    ],
    ['a comment', 'order_age_days > 1 // a day', { order_age_days: 2 }, { order_age_days: 1 }],
  ])('%s', (_what, cel, yes, no) => {
    expect(effectOf(cel, yes)).toBe('escalate')
    expect(effectOf(cel, no)).toBe('allow')
  })
})

describe('what cannot be computed denies, whatever the rule would have done', () => {
  const full = { refund_amount_usd: usd(5_000), order_age_days: 0, customer_blocked: true, reason: '' }
  test.each<[string, string, object, string]>([
    [
      'a fact that is not known',
      'refund_amount_usd > 50 || customer_blocked',
      { customer_blocked: true },
      'refund_amount_usd is not known',
    ],
    [
      'two of them',
      'refund_amount_usd > 50 || customer_blocked',
      {},
      'refund_amount_usd is not known; customer_blocked is not known',
    ],
    [
      'another currency',
      'refund_amount_usd > 50',
      { refund_amount_usd: { currency: 'EUR', cents: 1 } },
      'refund_amount_usd cannot be compared: it is not what its contract declares',
    ],
    ['a division by 0', '1 / size(reason) > 0', full, '`1 / size(reason) > 0` cannot be computed: it divides by zero'],
    ['a remainder of 0', '1 % size(reason) > 0', full, '`1 % size(reason) > 0` cannot be computed: it divides by zero'],
    [
      'a division by 0 that is no whole number',
      '1 / order_age_days > 0',
      full,
      '`1 / order_age_days > 0` cannot be computed: it divides by zero',
    ],
    [
      'more than 64 bits',
      'refund_amount_usd * 999999999999999 * 9 > 1',
      full,
      '`refund_amount_usd * 999999999999999 * 9 > 1` cannot be computed: a number is too large',
    ],
    [
      'an infinite number',
      'order_age_days * order_age_days > 1',
      { order_age_days: 1e300 },
      '`order_age_days * order_age_days > 1` cannot be computed: a number is too large',
    ],
  ])('%s', (_what, cel, facts, because) => {
    const { effect, matches } = decide(policy(cel), pay, facts as never)
    expect(effect).toBe('deny')
    expect(matches).toMatchObject([{ rule: 'rules.r', effect: 'deny', because }])
  })

  test('but not where another part of the expression, or of the rule, decides it', () => {
    expect(effectOf('1 / size(reason) > 0 || customer_blocked', full)).toBe('escalate')
    expect(effectOf('customer_blocked || 1 / size(reason) > 0', full)).toBe('escalate')
    expect(effectOf('1 / size(reason) > 0 && !customer_blocked', full)).toBe('allow')
    const either = (key: string) =>
      loaded(
        `rules: [{ id: r, effect: escalate, when: { ${key}: [{ cel: order_age_days > 1 }, { customer_blocked_eq: true }] } }]`,
      ).policy
    expect(decide(either('any'), pay, { customer_blocked: true }).effect).toBe('escalate')
    expect(decide(either('any'), pay, { customer_blocked: false }).effect).toBe('deny')
    expect(decide(either('all'), pay, { customer_blocked: false }).effect).toBe('allow')
  })
})

describe('on the record', () => {
  test('of several facts the words tell each, with whose word it is; the owner’s own come first', () => {
    const text = `rules:
  - id: r
    effect: require_approval
    when: { cel: "refund_amount_usd * 10 > 100 && reason.contains('late')", customer_tier_eq: plus }
    because: late and large
`
    expect(
      decide(loaded(text).policy, pay, { refund_amount_usd: usd(2_000), reason: 'too late', customer_tier: 'plus' }),
    ).toEqual({
      effect: 'require_approval',
      matches: [
        {
          rule: 'rules.r',
          effect: 'require_approval',
          because:
            "late and large: `refund_amount_usd * 10 > 100 && reason.contains('late')` holds: refund_amount_usd is $20.00, reason is `too late` (a model's word); customer_tier is `plus`",
        },
      ],
    })
  })

  test('of one fact its value and the expression stand on the match as those of a trigger do', () => {
    expect(decide(policy('size(reason) > 3'), pay, { reason: 'late' }).matches).toEqual([
      {
        rule: 'rules.r',
        effect: 'escalate',
        fact: 'reason',
        trust: 'model',
        value: 'late',
        threshold: 'size(reason) > 3',
        because: "`size(reason) > 3` holds: reason is `late` (a model's word)",
      },
    ])
  })

  test('what matches because an expression does not hold says so', () => {
    const not = loaded(
      'rules: [{ id: r, effect: deny, when: { not: { cel: "order_age_days < 30 || customer_blocked" } } }]',
    ).policy
    expect(
      decide(not, pay, { order_age_days: 30, customer_blocked: false }).matches.map(({ because }) => because),
    ).toEqual([
      '`order_age_days < 30 || customer_blocked` does not hold: order_age_days is 30 days, customer_blocked is false',
    ])
    expect(decide(not, pay, { customer_blocked: false }).effect).toBe('deny')
  })

  test('a rule speaks only of tools that declare every fact of its expression', () => {
    expect(decide(policy('order_age_days > 1'), note, { note_body: 'x' })).toEqual({ effect: 'allow', matches: [] })
    expect(entriesOf(policy('order_age_days > 1 && !customer_blocked'))).toMatchObject([
      {
        id: 'rules.r',
        facts: ['order_age_days', 'customer_blocked'],
        valuesOf: ['order_age_days', 'customer_blocked'],
      },
    ])
  })

  test('what was decided once is decided again only where every fact of the expression was recorded', () => {
    const again = (facts: object) =>
      decideAgain(policy('order_age_days > 1 && !customer_blocked'), pay, { facts: facts as never, matches: [] })
    expect(again({ order_age_days: 2 })).toEqual({ lacking: ['customer_blocked'] })
    expect(again({ order_age_days: 2, customer_blocked: false })).toMatchObject({ effect: 'escalate' })
  })
})

/** The expression, where in it the mistake is, and what is said. */
const REFUSED: readonly (readonly [cel: string, column: number, message: string, help: string])[] = [
  ['refund_amount > 50', 1, 'unknown fact `refund_amount` in rules.r.cel.', 'did you mean `refund_amount_usd`?'],
  [
    'customer_blocked || colour',
    21,
    'unknown fact `colour` in rules.r.cel.',
    'the facts of this playbook are: `refund_amount_usd`, `order_age_days`, `customer_tier`, `customer_blocked`, `reason`, `note_body`.',
  ],
  [
    '1 < 2',
    1,
    '`rules.r.cel` names no fact.',
    'the facts of this playbook are: `refund_amount_usd`, `order_age_days`, `customer_tier`, `customer_blocked`, `reason`, `note_body`.',
  ],
  [
    'refund_amount_usd + 1',
    1,
    '`rules.r.cel` is money in USD, and must be true or false.',
    'compare it with something.',
  ],
  ["'fraud'", 1, '`rules.r.cel` is a text in quotes, and must be true or false.', 'compare it with something.'],
  [
    'refund_amount_usd > 50.001',
    21,
    '`rules.r.cel`: `50.001` is not an amount of USD with at most two decimals.',
    'write it such as `49.99`.',
  ],
  [
    "refund_amount_usd > 'x'",
    1,
    '`rules.r.cel`: `>` stands between money in USD and a text in quotes.',
    'both must be numbers, or money of one currency; an amount is written out, such as `49.99`.',
  ],
  [
    'refund_amount_usd > order_age_days',
    1,
    '`rules.r.cel`: `>` stands between money in USD and a number.',
    'both must be numbers, or money of one currency; an amount is written out, such as `49.99`.',
  ],
  [
    'refund_amount_usd > 10 * 5',
    1,
    '`rules.r.cel`: `>` stands between money in USD and a whole number.',
    'both must be numbers, or money of one currency; an amount is written out, such as `49.99`.',
  ],
  [
    "reason < 'b'",
    1,
    '`rules.r.cel`: `<` stands between text and a text in quotes.',
    'both must be numbers, or money of one currency; an amount is written out, such as `49.99`.',
  ],
  [
    "reason + 'x' == reason",
    1,
    '`rules.r.cel`: `+` stands between text and a text in quotes.',
    'both must be numbers, or money of one currency; an amount is written out, such as `49.99`.',
  ],
  [
    'refund_amount_usd * 0.1 > 5',
    1,
    '`rules.r.cel`: `*` stands between money in USD and a number.',
    'money is only multiplied, and by whole numbers, so that no cent is rounded: multiply the other side.',
  ],
  [
    'refund_amount_usd / 10 > 5',
    1,
    '`rules.r.cel`: `/` stands between money in USD and a whole number.',
    'money is only multiplied, and by whole numbers, so that no cent is rounded: multiply the other side.',
  ],
  [
    'order_age_days % 7 == 0',
    1,
    '`rules.r.cel`: `%` stands between a number and a whole number.',
    'both must be whole numbers.',
  ],
  [
    'order_age_days * customer_tier > 0',
    1,
    '`rules.r.cel`: `*` stands between a number and enum.',
    'both must be numbers.',
  ],
  [
    "customer_tier == 'entreprise'",
    18,
    '`rules.r.cel`: `entreprise` is none of `standard`, `plus`, `enterprise`.',
    'did you mean `enterprise`?',
  ],
  [
    "customer_tier in ['plus', 'vip']",
    27,
    '`rules.r.cel`: `vip` is none of `standard`, `plus`, `enterprise`.',
    'write one of them.',
  ],
  [
    'customer_tier == reason',
    1,
    '`rules.r.cel`: `==` stands between enum and text.',
    'both must be of one type, and not two texts in quotes.',
  ],
  [
    "'a' == 'a' || customer_blocked",
    1,
    '`rules.r.cel`: `==` stands between a text in quotes and a text in quotes.',
    'both must be of one type, and not two texts in quotes.',
  ],
  [
    'customer_blocked && order_age_days',
    21,
    '`rules.r.cel`: `&&` is asked of a number.',
    'it is for what is true or false: compare it first.',
  ],
  ['!reason', 2, '`rules.r.cel`: `!` is asked of text.', 'it is for what is true or false: compare it first.'],
  [
    'reason ? customer_blocked : true',
    1,
    '`rules.r.cel`: `?:` is asked of text.',
    'it is for what is true or false: compare it first.',
  ],
  [
    'customer_blocked ? 1 : true',
    1,
    '`rules.r.cel`: `:` stands between a whole number and true or false.',
    'both must be money of one currency, numbers, or true or false.',
  ],
  ['-customer_blocked', 1, '`rules.r.cel`: `-` is asked of true or false.', 'it is for money and numbers.'],
  [
    'reason in customer_tier',
    11,
    '`rules.r.cel`: `in` needs a list.',
    "write it in brackets, such as `['plus', 'enterprise']`.",
  ],
  ['reason in []', 11, '`rules.r.cel`: `in` needs a list.', "write it in brackets, such as `['plus', 'enterprise']`."],
  ["['a'] == reason", 1, '`rules.r.cel`: a list stands only behind `in`.', 'compare with one value.'],
  ["{'a': 1} == reason", 1, '`rules.r.cel`: a list stands only behind `in`.', 'compare with one value.'],
  ['reason.words > 3', 1, '`rules.r.cel`: a fact has no parts.', 'name the fact alone.'],
  ["reason[0] == 'a'", 1, '`rules.r.cel`: a fact has no parts.', 'name the fact alone.'],
  ['reason == null', 11, '`rules.r.cel`: `null` is no value that a fact has.', 'write a number, a text or a boolean.'],
  [
    'order_age_days > 1u',
    18,
    '`rules.r.cel`: `1u` is no value that a fact has.',
    'write a number, a text or a boolean.',
  ],
  [
    'order_age_days > 1e3',
    18,
    '`rules.r.cel`: the number `1e3` is not plain.',
    'write it in digits, such as `50` or `49.99`.',
  ],
  [
    'order_age_days > 0x10',
    18,
    '`rules.r.cel`: the number `0x10` is not plain.',
    'write it in digits, such as `50` or `49.99`.',
  ],
  ['order_age_days > 1234567890123456', 18, '`rules.r.cel`: `1234567890123456` has more than 15 digits.', 'round it.'],
  [
    "reason.matches('fr.*d')",
    1,
    '`rules.r.cel`: `matches` asks for a regular expression, and there are none.',
    'use `contains`, `startsWith` or `endsWith`.',
  ],
  [
    "timestamp('2026-01-01T00:00:00Z') < now()",
    1,
    '`rules.r.cel`: `timestamp` asks for time, and there is no clock.',
    'time is a fact: ask one that tells an age, such as `order_age_days`.',
  ],
  [
    'order_age_days > now()',
    18,
    '`rules.r.cel`: `now` asks for time, and there is no clock.',
    'time is a fact: ask one that tells an age, such as `order_age_days`.',
  ],
  [
    'reason.getFullYear() > 2020',
    1,
    '`rules.r.cel`: `getFullYear` asks for time, and there is no clock.',
    'time is a fact: ask one that tells an age, such as `order_age_days`.',
  ],
  [
    "['a', 'b'].exists(word, reason.contains(word))",
    1,
    '`rules.r.cel`: `exists` goes through a list, and facts are none.',
    'name each fact.',
  ],
  [
    'cel.bind(x, order_age_days, x > 1)',
    1,
    '`rules.r.cel`: `bind` goes through a list, and facts are none.',
    'name each fact.',
  ],
  [
    'has(reason)',
    1,
    '`rules.r.cel`: `has` asks whether a fact is known.',
    'write the test `<fact>_exists` beside `cel`.',
  ],
  [
    'string(order_age_days) == reason',
    1,
    'unknown function `string` in rules.r.cel.',
    'the functions are: `contains`, `startsWith`, `endsWith`, `size`.',
  ],
  ["reason.contain('a')", 1, 'unknown function `contain` in rules.r.cel.', 'did you mean `contains`?'],
  ["customer_tier.contains('plus')", 1, '`rules.r.cel`: `contains` is asked of enum.', 'it is for text.'],
  [
    "contains(reason, 'a')",
    1,
    '`rules.r.cel`: `contains` is given something else than it takes.',
    "write it such as `reason.contains('damaged')`.",
  ],
  [
    "size(reason, 'a') > 1",
    1,
    '`rules.r.cel`: `size` is given something else than it takes.',
    'write it such as `size(reason)`.',
  ],
  ['reason.contains(order_age_days)', 17, '`rules.r.cel`: `contains` looks for a number.', 'look for a text.'],
  [
    "reason.contains(' ')",
    17,
    '`rules.r.cel`: `contains` looks for an empty text.',
    'every text holds it; fill it in or take it out.',
  ],
  [
    'order_age_days >',
    16,
    '`rules.r.cel` is not CEL: Unexpected token: EOF.',
    'see docs/writing-a-policy.md for what it can say.',
  ],
  [
    'order_age_days = 1',
    16,
    '`rules.r.cel` is not CEL: Unexpected character: =.',
    'see docs/writing-a-policy.md for what it can say.',
  ],
  [
    `${'!'.repeat(250)}customer_blocked`,
    51,
    '`rules.r.cel` has too many parts, or nests too deep.',
    'make several rules of it.',
  ],
  [
    `${'('.repeat(40)}customer_blocked${')'.repeat(40)}`,
    33,
    '`rules.r.cel` has too many parts, or nests too deep.',
    'make several rules of it.',
  ],
  ['', 0, '`rules.r.cel` must have 1 to 500 characters, got 0.', 'say one thing in it, or make several rules of it.'],
  [
    `customer_blocked${' '.repeat(485)}`,
    0,
    '`rules.r.cel` must have 1 to 500 characters, got 501.',
    'say one thing in it, or make several rules of it.',
  ],
]

const problemsOf = (text: string) => {
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest])
  return parsed.ok ? [] : parsed.problems
}

describe('a mistake is told at its place, with what to do', () => {
  test.each(REFUSED)('%s', (cel, column, message, help) => {
    const text = `workflow: refund_request\nrules:\n  - id: r\n    effect: deny\n    when:\n      cel: ${JSON.stringify(cel)}\n`
    expect(problemsOf(text)).toEqual([
      { code: 'policy_invalid', file: 'p.yaml', line: 6, column: 12 + column, message, help },
    ])
  })

  test.each([
    ['plain', 'cel: order_age_days > 1 && colour', 6, 34],
    ['in single quotes', "cel: 'reason == ''x'' && colour'", 6, 32],
    ['folded in quotes', 'cel: "order_age_days > 1\n        && colour"', 7, 12],
    ['in a block', 'cel: |-\n        order_age_days > 1 &&\n        colour', 8, 9],
    ['in a folded block', 'cel: >\n        order_age_days > 1\n        && colour', 8, 12],
  ])('%s', (_form, cel, line, column) => {
    const text = `workflow: refund_request\nrules:\n  - id: r\n    effect: deny\n    when:\n      ${cel}\n`
    expect(problemsOf(text)).toMatchObject([{ line, column, message: 'unknown fact `colour` in rules.r.cel.' }])
  })

  test('it is text, and some tool declares all that it names', () => {
    const refused = (when: string) =>
      problemsOf(`workflow: refund_request\nrules: [{ id: r, effect: deny, when: ${when} }]`).map(
        ({ message }) => message,
      )
    expect(refused('{ cel: 5 }')).toEqual(['`rules.r.cel` must be text, got `5`.'])
    expect(refused('{ cel: [a] }')).toEqual(['`rules.r.cel` must be text, got a list.'])
    expect(refused('{ cel: "order_age_days > 1", note_body_contains: x }')).toEqual([
      '`rules.r` is never reached: no tool declares all of `note_body`, `order_age_days`.',
    ])
  })
})

describe('what is told of a policy with CEL is inexact, and says so', () => {
  const near = loaded(rule('refund_amount_usd > 50 && order_age_days * 2 > 60'))

  test('a difference has an example of which both are so', () => {
    const other = loaded(rule('refund_amount_usd > 60 && order_age_days * 2 > 60'))
    const diff = diffPolicies(near.policy, other.policy, [pay, note])
    expect(isSame(diff)).toBe(false)
    const regions = diff.tools.flatMap((tool) => tool.regions)
    expect(regions.length).toBeGreaterThan(0)
    for (const { from, to, witness } of regions) {
      expect([from, to]).toEqual(['escalate', 'allow'])
      expect(decide(near.policy, pay, witness).effect).toBe(from)
      expect(decide(other.policy, pay, witness).effect).toBe(to)
    }
  })

  test('only policies that are equal as a whole have no difference of meaning', () => {
    expect(
      isSame(
        diffPolicies(
          near.policy,
          loaded(`# as before\n${rule('refund_amount_usd > 50 && order_age_days * 2 > 60')}`).policy,
          [pay],
        ),
      ),
    ).toBe(true)
    const turned = loaded(rule('order_age_days * 2 > 60 && refund_amount_usd > 50'))
    expect(isSame(diffPolicies(near.policy, turned.policy, [pay]))).toBe(false)
    const operators = (value: string) =>
      loaded(`rules: [{ id: r, effect: deny, when: { customer_tier_in: [${value}] } }]`)
    expect(isSame(diffPolicies(operators('plus, standard').policy, operators('standard, plus').policy, [pay]))).toBe(
      true,
    )
  })

  test('an explanation finds the values at which a number of the expression stands', () => {
    const { changes, nearly, cel } = explainAction(near.policy, pay, {
      refund_amount_usd: usd(5_000),
      order_age_days: 61,
    })
    expect(cel).toEqual(['rules.r'])
    expect(changes).toEqual([{ fact: 'refund_amount_usd', value: usd(5_001), effect: 'escalate', requires: [] }])
    expect(nearly).toEqual([{ fact: 'refund_amount_usd', value: usd(5_001), rule: 'rules.r', effect: 'escalate' }])
  })

  test('a check says what it did not look for, and still looks where there is no CEL', () => {
    const text = `workflow: refund_request\nrequires_approval_if: { order_age_days_gte: 9 }\n${rule('order_age_days > 9').replace('\n', '\n  - { id: dead, effect: deny, when: { note_body_eq: a, note_body_ne: a } }\n')}`
    const parsed = parsePolicy(text, 'p.yaml', [refundRequest])
    expect(parsed.ok && doubtsAbout(parsed, 'p.yaml', [pay, note]).map(formatProblem)).toEqual([
      'p.yaml:4:11 warning: `rules.dead` can never match: with note_body `something else`, `note_body_ne` holds and `note_body_eq` does not.\n  mend what it is compared with, or take it out.',
      'p.yaml:5:11 warning: inexact: `rules.r` is CEL: rules of `shop.pay` that never count, and gaps, were not looked for.\n  say what operators can say in operators to have it looked at.',
    ])
  })
})
