import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../src/contract/digest.ts'
import { usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { AUTONOMY_LEVELS } from '../../src/policy/types.ts'
import { note, orderChange, pay, refundRequest } from './fake-playbook.ts'

const W = 'workflow: refund_request\n'
const CAPS = 'model_budget_usd: 1\nmax_tool_calls: 5\n'
const parse = (text: string) => parsePolicy(text, 'p.yaml', [refundRequest, orderChange])
const policy = (text: string) => {
  const parsed = parse(`${W}${text}`)
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  return parsed.policy
}

const RULES = `${CAPS}requires_approval_if: { refund_amount_usd_gte: 50 }
deny_if: { reason_contains: fraud }
rules: [{ id: old, effect: escalate, when: { order_age_days_gt: 30 } }]
`
const SMALL = { refund_amount_usd: usd(2_000), reason: 'late', order_age_days: 1 }
const LARGE = { ...SMALL, refund_amount_usd: usd(5_000) }
const OLD = { ...LARGE, order_age_days: 31 }
const FRAUD = { ...OLD, reason: 'fraud' }

describe.each([
  ['', 'allow', 'require_approval', []],
  ['autonomy: suggest\n', 'suggest', 'suggest', ['autonomy.suggest']],
  ['autonomy: execute_with_approvals\n', 'require_approval', 'require_approval', ['autonomy.execute_with_approvals']],
  ['autonomy: execute_under_policy\n', 'allow', 'require_approval', ['autonomy.execute_under_policy']],
] as const)('with the line %j', (line, small, large, level) => {
  const decided = (facts: object) => decide(policy(line + RULES), pay, facts as never)

  test('what no rule speaks of has the effect of the level, and its match is on the record', () => {
    const { effect, matches } = decided(SMALL)
    expect({ effect, rules: matches.map(({ rule }) => rule) }).toEqual({ effect: small, rules: level })
    for (const { because } of matches) expect(because).toMatch(/^the (rules of the )?policy /)
  })

  test('what a rule asks for is asked for, where the level does not say more', () => {
    const { effect, matches } = decided(LARGE)
    expect(effect).toBe(large)
    expect(new Set(matches.map(({ rule }) => rule))).toEqual(
      new Set([...level, 'requires_approval_if.refund_amount_usd_gte']),
    )
  })

  test('escalate and deny are stronger than any level', () => {
    expect(decided(OLD)).toMatchObject({
      effect: 'escalate',
      matches: [{ rule: 'rules.old' }, ...level.map(() => ({})), {}],
    })
    expect(decided(FRAUD)).toMatchObject({ effect: 'deny' })
    expect(decided({ reason: 'late' }).effect).toBe('deny')
  })
})

test('a policy without any trigger asks for approval under every level, and says both reasons', () => {
  const rules = (line: string) => decide(policy(line), note, {}).matches.map(({ rule, effect }) => [rule, effect])
  expect(rules('')).toEqual([['no_triggers', 'require_approval']])
  expect(rules('autonomy: suggest\n')).toEqual([
    ['autonomy.suggest', 'suggest'],
    ['no_triggers', 'require_approval'],
  ])
  expect(rules('autonomy: execute_with_approvals\n')).toEqual([
    ['autonomy.execute_with_approvals', 'require_approval'],
    ['no_triggers', 'require_approval'],
  ])
})

test('a policy without the key has none, and stays byte for byte what it was', () => {
  expect('autonomy' in policy(RULES)).toBe(false)
  expect(canonicalJson(policy(''))).toBe(
    '{"approvals":{"expiresMinutes":4320,"onTimeout":"escalate"},"audit":{"export":null,"logLevel":"evidence"},' +
      '"budget":{"onExceeded":"escalate"},"denyIf":[],"maxToolCalls":null,"modelBudgetMicroUsd":null,' +
      '"requiresApprovalIf":[],"rollback":{"enabled":false,"windowMinutes":0},' +
      '"trust":{"atLeast":[],"onLess":"require_approval"},"workflow":"refund_request"}',
  )
})

test.each(AUTONOMY_LEVELS)('the level %s stands in the policy', (level) => {
  expect(policy(`autonomy: ${level}\n${RULES}`).autonomy).toBe(level)
})

test('one rule that can keep a write back, and both caps, are limits; caps of 0 are', () => {
  const deny = 'rules: [{ id: r, effect: deny, when: { reason_eq: x } }]\n'
  expect(policy(`autonomy: execute_under_policy\n${CAPS}${deny}`).autonomy).toBe('execute_under_policy')
  const none = 'model_budget_usd: 0\nmax_tool_calls: 0\n'
  expect(policy(`autonomy: execute_under_policy\n${none}${deny}`).maxToolCalls).toBe(0)
})

const NEEDS = '`autonomy: execute_under_policy` is only for policies with limits, and this one lacks'
const ADD = '  add what it lacks, or write `execute_with_approvals`.'
const DENY = 'deny_if: { reason_contains: fraud }\n'

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  [
    'a misspelled level',
    `${W}autonomy: sugest\n`,
    'p.yaml:2:11 `autonomy` must be one of `suggest`, `execute_with_approvals`, `execute_under_policy`, got `sugest`.',
    '  did you mean `suggest`?',
  ],
  [
    'no level',
    `${W}autonomy:\n`,
    'p.yaml:2:1 `autonomy` must be one of `suggest`, `execute_with_approvals`, `execute_under_policy`, got nothing.',
    '  write one of them.',
  ],
  [
    'no limits at all',
    `${W}autonomy: execute_under_policy\n`,
    `p.yaml:2:11 ${NEEDS} \`model_budget_usd\`, \`max_tool_calls\`, any trigger or rule that can keep a write back.`,
    ADD,
  ],
  [
    'no model budget',
    `${W}autonomy: execute_under_policy\nmax_tool_calls: 5\n${DENY}`,
    `p.yaml:2:11 ${NEEDS} \`model_budget_usd\`.`,
    ADD,
  ],
  [
    'no cap of tool calls',
    `${W}autonomy: execute_under_policy\nmodel_budget_usd: 5\n${DENY}`,
    `p.yaml:2:11 ${NEEDS} \`max_tool_calls\`.`,
    ADD,
  ],
  [
    'empty triggers',
    `${W}${CAPS}deny_if: {}\nautonomy: execute_under_policy\n`,
    `p.yaml:5:11 ${NEEDS} any trigger or rule that can keep a write back.`,
    ADD,
  ],
  [
    'rules that only allow',
    `${W}${CAPS}autonomy: execute_under_policy\nrules: [{ id: r, effect: allow, when: { reason_eq: x } }]\n`,
    `p.yaml:4:11 ${NEEDS} any trigger or rule that can keep a write back.`,
    ADD,
  ],
  [
    'a trigger that cannot be read, which is said alone',
    `${W}${CAPS}autonomy: execute_under_policy\ndeny_if: { reson_contains: x }\n`,
    'p.yaml:5:12 unknown fact `reson` in deny_if.',
    '  did you mean `reason`?',
  ],
  [
    'suggestions that would ask people for more budget',
    `${W}${CAPS}autonomy: suggest\nbudget: { on_exceeded: ask }\n`,
    'p.yaml:4:11 `autonomy: suggest` asks nothing of people, and `budget.on_exceeded` is `ask`.',
    '  write `escalate` or `refuse` there.',
  ],
]

test.each(REFUSED)('a level that cannot be is refused: %s', (_what, text, ...lines) => {
  const parsed = parse(text)
  expect(parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))).toEqual(lines)
})
