import { describe, expect, test } from 'vitest'
import { usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { note, orderChange, pay, refundRequest } from './fake-playbook.ts'

const W = 'workflow: refund_request\n'

const policy = (text: string) => {
  const parsed = parsePolicy(`${W}${text}`, 'p.yaml', [refundRequest])
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  return parsed.policy
}
const decided = (text: string, facts: object, tool: typeof pay | typeof note = pay) => {
  const { effect, matches } = decide(policy(text), tool, facts as never)
  return [effect, ...matches.map((match) => `${match.rule}: ${match.effect}, ${match.because}`)]
}

const LARGE_OLD = `rules:
  - id: large_and_old
    effect: require_approval
    when:
      refund_amount_usd_gte: 50
      order_age_days_gt: 30
    because: old orders are looked at by a person
`

test('the tests of one map must all hold, and the words of each are on the record behind the rule’s own', () => {
  expect(decided(LARGE_OLD, { refund_amount_usd: usd(5_000), order_age_days: 31 })).toEqual([
    'require_approval',
    'rules.large_and_old: require_approval, old orders are looked at by a person: refund_amount_usd is $50.00, at least $50.00; order_age_days is 31 days, more than 30 days',
  ])
  expect(decided(LARGE_OLD, { refund_amount_usd: usd(4_999), order_age_days: 31 })).toEqual(['allow'])
  expect(decided(LARGE_OLD, { refund_amount_usd: usd(5_000), order_age_days: 30 })).toEqual(['allow'])
})

test('what cannot be decided denies, unless another test of the rule decides it alone', () => {
  expect(decided(LARGE_OLD, { refund_amount_usd: usd(5_000) })).toEqual([
    'deny',
    'rules.large_and_old: deny, order_age_days is not known',
  ])
  expect(decided(LARGE_OLD, { refund_amount_usd: usd(1) })).toEqual(['allow'])
  const either = LARGE_OLD.replace('when:\n', 'when:\n      any:\n').replaceAll(
    /^ {6}(\w+_(?:gte|gt))/gm,
    '        - $1',
  )
  expect(decided(either, { refund_amount_usd: usd(5_000) })[0]).toBe('require_approval')
  expect(decided(either, { refund_amount_usd: usd(1) })[0]).toBe('deny')
})

test.each([
  ['not', 'not: { customer_tier_eq: standard }', { customer_tier: 'plus' }, { customer_tier: 'standard' }],
  [
    'any',
    'any: [{ customer_blocked_eq: true }, { order_age_days_gt: 9 }]',
    { customer_blocked: true },
    { customer_blocked: false, order_age_days: 9 },
  ],
  [
    'all in any in not',
    'not: { any: [{ all: [{ order_age_days_lt: 9 }, { customer_blocked_eq: false }] }] }',
    { order_age_days: 9, customer_blocked: false },
    { order_age_days: 8, customer_blocked: false },
  ],
  ['exists', 'customer_tier_exists: false', {}, { customer_tier: 'plus' }],
])('%s', (_title, when, yes, no) => {
  const text = `rules: [{ id: r, effect: escalate, when: { ${when} } }]\n`
  expect(decided(text, yes)[0]).toBe('escalate')
  expect(decided(text, yes)[1]).toMatch(/^rules\.r: escalate, .+/)
  expect(decided(text, no)).toEqual(['allow'])
})

test('deny beats escalate beats approval beats allow, whatever the order of the file, and all of them are on the record', () => {
  const rules = (['allow', 'require_approval', 'escalate', 'deny'] as const).map(
    (effect) => `  - { id: ${effect}, effect: ${effect}, when: { customer_blocked_eq: false } }\n`,
  )
  const text = `rules:\n${rules.join('')}`
  expect(decide(policy(text), pay, { customer_blocked: false }).matches.map(({ rule }) => rule)).toEqual([
    'rules.deny',
    'rules.escalate',
    'rules.require_approval',
    'rules.allow',
  ])
})

test('a rule speaks only of tools that declare all of its facts', () => {
  expect(decided(LARGE_OLD, { note_body: 'x' }, note)).toEqual(['allow'])
})

test('a rule stands in the parsed policy by its own id, and a policy without rules has none', () => {
  expect(policy(LARGE_OLD).rules).toMatchObject([{ id: 'rules.large_and_old', effect: 'require_approval' }])
  expect('rules' in policy('max_tool_calls: 1\n')).toBe(false)
})

const ONE = (entry: string) => `${W}rules:\n  - ${entry}\n`

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  [
    'rules that are no list',
    `${W}rules: {}\n`,
    'p.yaml:2:8 `rules` must be a list, got a map.',
    '  start each entry with `-`.',
  ],
  [
    'no rules',
    `${W}rules: []\n`,
    'p.yaml:2:8 `rules` must list 1 to 200 entries, got 0.',
    '  fill the list or take it out.',
  ],
  [
    'no id',
    ONE('{ effect: deny, when: { customer_blocked_eq: true } }'),
    'p.yaml:3:5 `rules[0]` lacks the key `id`.',
    '  add it; see docs/writing-a-policy.md.',
  ],
  [
    'an id that is none',
    ONE('{ id: Large Refund, effect: deny, when: { customer_blocked_eq: true } }'),
    'p.yaml:3:11 `rules[0].id` cannot be `Large Refund`.',
    '  use 1 to 64 lower-case letters, digits and `_`, such as `large_refund`.',
  ],
  [
    'an id twice',
    `${ONE('{ id: a, effect: deny, when: { customer_blocked_eq: true } }')}  - { id: a, effect: deny, when: { customer_blocked_eq: false } }\n`,
    'p.yaml:4:11 two rules have the id `a`.',
    '  it stands on the record: give each its own.',
  ],
  [
    'an effect that is none',
    ONE('{ id: a, effect: denny, when: { customer_blocked_eq: true } }'),
    'p.yaml:3:22 `rules[0].effect` must be one of `deny`, `escalate`, `require_approval`, `allow`, got `denny`.',
    '  did you mean `deny`?',
  ],
  [
    'no condition',
    ONE('{ id: a, effect: deny }'),
    'p.yaml:3:5 `rules[0]` lacks the key `when`.',
    '  add it; see docs/writing-a-policy.md.',
  ],
  [
    'an empty condition',
    ONE('{ id: a, effect: deny, when: {} }'),
    'p.yaml:3:34 `rules[0].when` is empty.',
    '  write a test, such as `refund_amount_usd_gte: 50`.',
  ],
  [
    'an empty list of conditions',
    ONE('{ id: a, effect: deny, when: { any: [] } }'),
    'p.yaml:3:41 `rules.a.any` must list 1 to 100 entries, got 0.',
    '  fill the list or take it out.',
  ],
  [
    'a misspelled fact',
    ONE('{ id: a, effect: deny, when: { all: [{ customer_tear_eq: plus }] } }'),
    'p.yaml:3:44 unknown fact `customer_tear` in rules.a.',
    '  did you mean `customer_tier`?',
  ],
  [
    'facts that no tool declares together',
    ONE('{ id: a, effect: deny, when: { note_body_eq: x, customer_blocked_eq: true } }'),
    'p.yaml:3:34 `rules.a` is never reached: no tool declares all of `note_body`, `customer_blocked`.',
    '  make a rule of each, or take it out.',
  ],
  [
    'an unknown key',
    ONE('{ id: a, effect: deny, wen: { customer_blocked_eq: true }, when: { customer_blocked_eq: true } }'),
    'p.yaml:3:28 unknown key `wen` in rules[0].',
    '  did you mean `when`?',
  ],
  [
    'a blank reason',
    ONE('{ id: a, effect: deny, when: { customer_blocked_eq: true }, because: " " }'),
    'p.yaml:3:74 `rules[0].because` must have 1 to 300 characters, got 1.',
    '  say in a sentence why the rule is there.',
  ],
  [
    'too many conditions',
    ONE(
      `{ id: a, effect: deny, when: { all: [${Array.from({ length: 99 }, () => '{ not: { customer_blocked_eq: true } }').join(', ')}] } }`,
    ),
    'p.yaml:3:2009 `rules.a` has more than 100 conditions.',
    '  make several rules of it.',
  ],
]

describe('a rule is refused for', () => {
  test.each(REFUSED)('%s', (_title, text, ...lines) => {
    const parsed = parsePolicy(text, 'p.yaml', [refundRequest, orderChange])
    expect(parsed.ok ? [] : formatProblem(parsed.problems[0] as never).split('\n')).toEqual(lines)
  })
})

test('a rule without an id is named by its place, and `approve` means the effect that asks for it', () => {
  const problems = (rule: string): readonly string[] => {
    const parsed = parsePolicy(`${W}rules: [${rule}]`, 'p.yaml', [refundRequest])
    return parsed.ok ? [] : parsed.problems.map(formatProblem)
  }
  expect(problems('{ effect: deny, when: { refund_amuont_usd_gte: 5 } }')).toEqual([
    'p.yaml:2:9 `rules[0]` lacks the key `id`.\n  add it; see docs/writing-a-policy.md.',
    'p.yaml:2:33 unknown fact `refund_amuont_usd` in rules[0].\n  did you mean `refund_amount_usd`?',
  ])
  for (const effect of ['approve', 'aproval', 'approval']) {
    expect(problems(`{ id: a, effect: ${effect}, when: { refund_amount_usd_gte: 5 } }`)).toEqual([
      `p.yaml:2:26 \`rules[0].effect\` must be one of \`deny\`, \`escalate\`, \`require_approval\`, \`allow\`, got \`${effect}\`.\n  did you mean \`require_approval\`?`,
    ])
  }
})
