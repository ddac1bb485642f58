import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runTable } from '../../src/policy/cases/run.ts'
import { parseTable } from '../../src/policy/cases/table.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { refundRequest } from './fake-playbook.ts'

const POLICY = `workflow: refund_request
requires_approval_if:
  refund_amount_usd_gte: 50
  customer_tier_in: [enterprise]
deny_if:
  reason_contains: fraud
rules:
  - id: old_and_large
    effect: deny
    when: { order_age_days_gt: 30, refund_amount_usd_gte: 500 }
  - id: nobody_knows
    effect: require_approval
    when: { customer_blocked_exists: false }
`

function policyOf(text: string) {
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest])
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  return parsed.policy
}
const parse = (table: string, policy = POLICY) => parseTable(table, 'p.cases.yaml', policyOf(policy), refundRequest)
function run(table: string, policy = POLICY) {
  const parsed = parse(table, policy)
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  return runTable(policyOf(policy), parsed.cases)
}

/** A case with some of its lines replaced. */
const row = (more: Readonly<Record<string, string>> = {}): string => {
  const lines = { name: 'a', tool: 'shop.pay', facts: '{}', decision: 'deny', rules: '[]', ...more }
  return `- ${Object.entries(lines)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n  ')}\n`
}

/** What is wrong, the table, and each problem with what to do about it. */
const MALFORMED: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'nothing at all',
    '# to be written\n',
    ['p.cases.yaml:1:1 the decision table is empty.\n  start each case with `- name:`.'],
  ],
  [
    'a map',
    'cases: []\n',
    ['p.cases.yaml:1:1 a decision table is a list of cases, not a map.\n  start each case with `- name:`.'],
  ],
  [
    'a text among the cases',
    '- fraud\n',
    ['p.cases.yaml:1:3 `cases[0]` must be a map, got `fraud`.\n  indent its keys below it, or take it out.'],
  ],
  [
    'what is not YAML',
    '- name: [\n',
    [
      'p.cases.yaml:2:1 not YAML: Flow sequence in block collection must be sufficiently indented and end with a ].\n' +
        '  see docs/writing-a-policy.md for the form of a decision table.',
    ],
  ],
  [
    'a table that is too long',
    `# ${'x'.repeat(1024 * 1024)}\n${row()}`,
    ['p.cases.yaml:1:1 the file is longer than 1048576 bytes.\n  keep the cases that tell something.'],
  ],
  [
    'a table that nests too deep',
    `- name: ${'['.repeat(20)}\n`,
    ['p.cases.yaml:1:23 the file nests deeper than 16 levels.\n  a decision table needs three.'],
  ],
  [
    'a second document',
    `${row()}---\n${row()}`,
    ['p.cases.yaml:6:1 a second document.\n  a decision table file holds one; take out the `---`.'],
  ],
  [
    'missing keys',
    '- name: a\n  tool: shop.pay\n',
    ['facts', 'decision', 'rules'].map(
      (key) => `p.cases.yaml:1:3 \`cases[0]\` lacks the key \`${key}\`.\n  add it; see docs/writing-a-policy.md.`,
    ),
  ],
  [
    'an unknown key',
    row({ decison: 'deny' }),
    ['p.cases.yaml:6:3 unknown key `decison` in cases[0].\n  did you mean `decision`?'],
  ],
  [
    'an unknown tool',
    row({ tool: 'shop.pax' }),
    ['p.cases.yaml:2:9 unknown tool `shop.pax`.\n  did you mean `shop.pay`?'],
  ],
  [
    'a tool that only reads',
    row({ tool: 'shop.look' }),
    ['p.cases.yaml:2:9 `shop.look` only reads: no policy decides on it.\n  name a tool that writes.'],
  ],
  [
    'an unknown fact',
    row({ facts: '{ refund_amout_usd: 5 }' }),
    ['p.cases.yaml:3:12 unknown fact `refund_amout_usd` of `shop.pay`.\n  did you mean `refund_amount_usd`?'],
  ],
  [
    'a fact of another tool',
    row({ facts: '{ note_body: hello }' }),
    [
      'p.cases.yaml:3:12 unknown fact `note_body` of `shop.pay`.\n  the facts of `shop.pay` are: ' +
        '`refund_amount_usd`, `order_age_days`, `customer_tier`, `customer_blocked`, `reason`.',
    ],
  ],
  [
    'a fact twice',
    row({ facts: '{ order_age_days: 1, order_age_days: 2 }' }),
    ['p.cases.yaml:3:31 duplicate key `order_age_days`.\n  keep one of the two.'],
  ],
  [
    'money in quotes',
    row({ facts: '{ refund_amount_usd: "5" }' }),
    [
      'p.cases.yaml:3:31 `cases[0].facts.refund_amount_usd` must be a number, got the text `5`.\n  take the quotes away.',
    ],
  ],
  [
    'money with three decimals',
    row({ facts: '{ refund_amount_usd: 5.001 }' }),
    [
      'p.cases.yaml:3:31 `cases[0].facts.refund_amount_usd` must be an amount of USD with at most two decimals, got `5.001`.\n' +
        '  write it such as `49.99`.',
    ],
  ],
  [
    'a tier that there is not',
    row({ facts: '{ customer_tier: enterprize }' }),
    [
      'p.cases.yaml:3:27 `cases[0].facts.customer_tier` must be one of `standard`, `plus`, `enterprise`, got `enterprize`.\n' +
        '  did you mean `enterprise`?',
    ],
  ],
  [
    'a number as text',
    row({ facts: '{ reason: 7 }' }),
    ['p.cases.yaml:3:20 `cases[0].facts.reason` must be text, got `7`.\n  put it in quotes.'],
  ],
  [
    'an unknown decision',
    row({ decision: 'approve' }),
    [
      'p.cases.yaml:4:13 `cases[0].decision` must be one of `deny`, `escalate`, `suggest`, `require_approval`, `allow`, got `approve`.\n' +
        '  did you mean `require_approval`?',
    ],
  ],
  [
    'rules that are no list',
    row({ rules: 'deny_if.reason_contains' }),
    ['p.cases.yaml:5:10 `cases[0].rules` must be a list, got `deny_if.reason_contains`.\n  put it in brackets: `[…]`.'],
  ],
  [
    'an unknown rule',
    row({ rules: '[deny_if.reason_contain]' }),
    ['p.cases.yaml:5:11 unknown rule `deny_if.reason_contain`.\n  did you mean `deny_if.reason_contains`?'],
  ],
  ['two cases of one name', row() + row(), ['p.cases.yaml:6:3 two cases have the name `a`.\n  give each its own.']],
  [
    'several mistakes',
    row({ tool: 'shop.pax' }) + row({ name: 'b', decision: 'denyy' }),
    [
      'p.cases.yaml:2:9 unknown tool `shop.pax`.\n  did you mean `shop.pay`?',
      'p.cases.yaml:9:13 `cases[1].decision` must be one of `deny`, `escalate`, `suggest`, `require_approval`, `allow`, got `denyy`.\n' +
        '  did you mean `deny`?',
    ],
  ],
]

test.each(MALFORMED)('a table of %s is refused with its place and what to do', (_what, table, said) => {
  const parsed = parse(table)
  expect(parsed.ok ? [] : parsed.problems.map(formatProblem)).toEqual(said)
  expect(parsed.ok ? [] : parsed.problems.map(({ code }) => code)).toEqual(said.map(() => 'cases_invalid'))
})

test('a table longer than a policy may be is read, one longer than a mebibyte is not', () => {
  const rows = (count: number) => Array.from({ length: count }, (_, at) => row({ name: `case ${at}` })).join('')
  expect(rows(1_500).length).toBeGreaterThan(64 * 1024)
  expect(parse(rows(1_500))).toMatchObject({ ok: true, cases: { length: 1_500 } })
  const parsed = parse(rows(20_000))
  expect(parsed.ok ? [] : parsed.problems.map(({ message }) => message)).toEqual([
    'the file is longer than 1048576 bytes.',
  ])
})

test('a table with mistakes anywhere has an answer: cases, or problems with their places', () => {
  const example = row({ facts: '{ refund_amount_usd: 60, reason: "a fraud" }', rules: '[deny_if.reason_contains]' })
  const text = example + row({ name: 'b' }) + row({ name: 'c', tool: 'shop.note' })
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 3 }),
    fc.constantFrom('- ', ': ', '[', '{', '}', '\n', '\n  ', '"', '|', '&a ', '*a', '<<', '__proto__', '~', '0x1'),
  )
  const edit = fc.record({ at: fc.nat(text.length), length: fc.nat(12), put: piece })
  const mutated = fc
    .array(edit, { minLength: 1, maxLength: 5 })
    .map((edits) => edits.reduce((all, { at, length, put }) => all.slice(0, at) + put + all.slice(at + length), text))
  const holds = (table: string): void => {
    const parsed = parse(table)
    const lines = table.split('\n')
    const places = parsed.ok ? parsed.cases : parsed.problems
    expect(places.length).toBeGreaterThan(0)
    for (const { line, column } of places) {
      expect(column).toBeGreaterThan(0)
      expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1)
    }
  }
  fc.assert(fc.property(mutated, holds), { numRuns: 1_000 })
})

describe('a case', () => {
  const facts = 'refund_amount_usd: 60, customer_tier: plus, reason: broken, order_age_days: 3'
  const approval = '[requires_approval_if.refund_amount_usd_gte, rules.nobody_knows]'

  test('is as expected by its decision and all of its rules, in the order of the record', () => {
    const { results } = run(
      row({ facts: `{ ${facts} }`, decision: 'require_approval', rules: approval }) +
        row({
          name: 'one rule short',
          facts: `{ ${facts} }`,
          decision: 'require_approval',
          rules: '[rules.nobody_knows]',
        }) +
        row({ name: 'another decision', facts: `{ ${facts} }`, decision: 'deny', rules: approval }) +
        row({
          name: 'another order',
          facts: `{ ${facts} }`,
          decision: 'require_approval',
          rules: '[rules.nobody_knows, requires_approval_if.refund_amount_usd_gte]',
        }),
    )
    expect(results.map(({ ok, case: { line } }) => [line, ok])).toEqual([
      [1, true],
      [6, false],
      [11, false],
      [16, false],
    ])
  })

  test('covers a rule where it matches on facts that are given, and not where it denies what is not known', () => {
    expect(run(row({ facts: `{ ${facts}, customer_blocked: false }` })).uncovered).toEqual([
      'deny_if.reason_contains',
      'requires_approval_if.customer_tier_in',
      'rules.old_and_large',
      'rules.nobody_knows',
    ])
    // Every rule matches, and only that which asks whether a fact is known was tried.
    const { results, uncovered } = run(row())
    expect(results[0]?.decision.matches).toHaveLength(5)
    expect(uncovered).toEqual([
      'deny_if.reason_contains',
      'requires_approval_if.refund_amount_usd_gte',
      'requires_approval_if.customer_tier_in',
      'rules.old_and_large',
    ])
  })

  test('of a policy without triggers names the rule `no_triggers`', () => {
    const table = row({ decision: 'require_approval', rules: '[no_triggers]' })
    expect(run(table, 'workflow: refund_request\n').results[0]?.ok).toBe(true)
    expect(parse(table)).toMatchObject({ ok: false })
  })

  test('of a policy that only suggests names its level, and drafts', () => {
    const table = row({ decision: 'suggest', rules: '[autonomy.suggest, no_triggers]' })
    expect(run(table, 'workflow: refund_request\nautonomy: suggest\n').results[0]?.ok).toBe(true)
    expect(parse(table)).toMatchObject({ ok: false })
  })
})
