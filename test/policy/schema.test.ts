import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { policySchema, policySchemaText } from '../../scripts/policy-schema.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest } from './fake-playbook.ts'
import { fuzzing } from './fuzzing.ts'

const runs = fuzzing('schema')

const FOLDER = join(import.meta.dirname, '..', '..', 'policies')
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')

const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true }).compile(
  policySchema(),
)
const flaws = (text: string): readonly string[] => {
  validate(parse(text))
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

test('the committed schema is what `node scripts/policy-schema.ts` writes', () => {
  expect(read('policy.schema.json')).toBe(policySchemaText())
})

test.each(readdirSync(FOLDER).filter((name) => /(?<!\.cases)\.yaml$/.test(name)))('%s is of the schema', (name) => {
  expect(flaws(read(name))).toEqual([])
})

const W = 'workflow: refund_request\n'

/** Everything that the language can say. */
const FULL = `# yaml-language-server: $schema=../node_modules/countersign/policies/policy.schema.json
workflow: refund_request
autonomy: execute_under_policy
model_budget_usd: 0.20
max_tool_calls: 5
budget:
  on_exceeded: ask
  by_value:
    - { at_least_usd: 500, model_budget_usd: 1 }
    - { at_least_usd: 10000.50, max_tool_calls: 10 }
requires_approval_if: { refund_amount_usd_gte: 50, customer_tier_in: [enterprise], customer_blocked_eq: true }
deny_if:
  reason_contains: fraud
  reason_contains_any: [a, b]
  reason_starts_with: x
  order_age_days_gt: -1.5
  customer_tier_not_in: [plus, enterprise, standard]
  customer_blocked_exists: false
rules:
  - id: large
    effect: require_approval
    quorum: 3
    approvers: [finance, legal]
    when: { any: [{ refund_amount_usd_lt: 1 }, { not: { all: [{ reason_eq: "" }] } }], reason_ne: q }
    because: large ones are looked at
  - { id: twice, effect: escalate, when: { cel: refund_amount_usd * 2 > 100, not: { cel: customer_blocked } } }
limits:
  - { id: a, tool: shop.pay, per: principal, window_minutes: 1, at_most: 0, on_reached: deny }
  - { id: b, tool: shop.pay, per: customer_tier, window_minutes: 525600, at_most_usd: 0.5, of: refund_amount_usd, on_reached: escalate }
  - { id: c, tool: shop.pay, per: playbook, window_minutes: 60, score_gte: 3.5, of: refund_amount_usd, warm_up: 5, on_warm_up: escalate, on_reached: require_approval }
trust: { at_least: { reason: record }, on_less: escalate }
evidence: [{ kind: record }, { kind: record, risk: high, fresh_minutes: 5 }]
approvals: { expires_minutes: 60, on_timeout: refuse, quorum: 2, who: [finance], unsigned: accept, reminders: [10, 30] }
audit: { log_level: standard, export: splunk, retention_days: 365, redaction: [reason] }
data: { retain_days: 30 }
rollback: { enabled: true, window_minutes: 0, who: [support, finance] }
`

test('a policy that says everything is taken by the loader and by the schema', () => {
  const parsed = parsePolicy(FULL, 'p.yaml', [refundRequest])
  expect(parsed.ok ? [] : parsed.problems.map(formatProblem)).toEqual([])
  expect(flaws(FULL)).toEqual([])
})

test.each([
  ['no workflow', 'max_tool_calls: 5'],
  ['an unknown key', `${W}max_tool_cals: 5`],
  ['evidence that is no list', `${W}evidence: {}`],
  ['no evidence', `${W}evidence: []`],
  ['evidence of no kind', `${W}evidence: [{ risk: low }]`],
  ['a word of a model as evidence', `${W}evidence: [{ kind: model }]`],
  ['evidence of no age', `${W}evidence: [{ kind: record, fresh_minutes: 0 }]`],
  [
    'a limit of nothing',
    `${W}limits: [{ id: a, tool: shop.pay, per: principal, window_minutes: 1, on_reached: deny }]`,
  ],
  [
    'a limit of two things',
    `${W}limits: [{ id: a, tool: shop.pay, per: principal, window_minutes: 1, at_most: 1, at_most_usd: 1, of: refund_amount_usd, on_reached: deny }]`,
  ],
  [
    'a score without a warm-up',
    `${W}limits: [{ id: a, tool: shop.pay, per: principal, window_minutes: 1, score_gte: 1, of: refund_amount_usd, on_reached: deny }]`,
  ],
  ['an approver group that is no list', `${W}approvals: { who: finance }`],
  ['no approver group', `${W}approvals: { who: [] }`],
  ['a blank approver group', `${W}approvals: { who: [" "] }`],
  ['an approver group twice', `${W}approvals: { who: [finance, finance] }`],
  [
    'too many approver groups',
    `${W}approvals: { who: [${Array.from({ length: 21 }, (_, at) => `g${at}`).join(', ')}] }`,
  ],
  ['no approval', `${W}approvals: { quorum: 0 }`],
  ['too many approvals', `${W}approvals: { quorum: 11 }`],
  ['names that count perhaps', `${W}approvals: { unsigned: maybe }`],
  ['a number that may undo', `${W}rollback: { enabled: false, who: [5] }`],
  ['an unknown level', `${W}autonomy: full`],
  ['a level without its limits', `${W}autonomy: execute_under_policy\ndeny_if: { reason_contains: x }`],
  ['a level without a rule', `${W}autonomy: execute_under_policy\nmodel_budget_usd: 1\nmax_tool_calls: 1`],
  ['suggestions that ask', `${W}autonomy: suggest\nbudget: { on_exceeded: ask }`],
  ['a negative budget', `${W}model_budget_usd: -1`],
  ['too large a budget', `${W}model_budget_usd: 1000000000`],
  ['half a call', `${W}max_tool_calls: 0.5`],
  ['too many calls', `${W}max_tool_calls: 1000001`],
  ['text for a number', `${W}max_tool_calls: "5"`],
  ['an unknown answer to a spent budget', `${W}budget: { on_exceeded: stop }`],
  ['an entry that raises nothing', `${W}budget: { by_value: [{ at_least_usd: 5 }] }`],
  ['an entry of no value', `${W}budget: { by_value: [{ max_tool_calls: 5 }] }`],
  ['a trigger without an operator', `${W}deny_if: { reason: x }`],
  ['an unknown operator', `${W}deny_if: { reason_matches: x }`],
  ['text for an amount', `${W}deny_if: { refund_amount_usd_gte: "50" }`],
  ['one for a list', `${W}deny_if: { customer_tier_in: plus }`],
  ['an empty list', `${W}deny_if: { customer_tier_in: [] }`],
  ['a value twice', `${W}deny_if: { customer_tier_in: [plus, plus] }`],
  ['text for a flag', `${W}deny_if: { reason_exists: yes }`],
  ['a rule without an effect', `${W}rules: [{ id: a, when: { reason_eq: x } }]`],
  ['an id in capitals', `${W}rules: [{ id: A, effect: deny, when: { reason_eq: x } }]`],
  ['a rule that asks of nothing', `${W}rules: [{ id: a, effect: deny, when: {} }]`],
  ['a wrong test deep inside', `${W}rules: [{ id: a, effect: deny, when: { not: { any: [{ reason: x }] } } }]`],
  ['an empty expression', `${W}rules: [{ id: a, effect: deny, when: { cel: "" } }]`],
  ['an expression that is no text', `${W}rules: [{ id: a, effect: deny, when: { cel: 5 } }]`],
  ['too long an expression', `${W}rules: [{ id: a, effect: deny, when: { cel: ${'x'.repeat(501)} } }]`],
  ['approvals of a deny', `${W}rules: [{ id: a, effect: deny, quorum: 1, when: { reason_eq: x } }]`],
  ['approvers of a deny', `${W}rules: [{ id: a, effect: deny, approvers: [b], when: { reason_eq: x } }]`],
  ['no approvers', `${W}rules: [{ id: a, effect: require_approval, approvers: [], when: { reason_eq: x } }]`],
  ['an approver twice', `${W}rules: [{ id: a, effect: require_approval, approvers: [b, b], when: { reason_eq: x } }]`],
  [
    'too many approvals of a rule',
    `${W}rules: [{ id: a, effect: require_approval, quorum: 11, when: { reason_eq: x } }]`,
  ],
  ['a demand that nothing falls short of', `${W}trust: { at_least: { reason: model } }`],
  ['trust without a demand', `${W}trust: { on_less: deny }`],
  ['a deadline at once', `${W}approvals: { expires_minutes: 0 }`],
  ['a reminder at once', `${W}approvals: { reminders: [0] }`],
  ['a blank target', `${W}audit: { export: " " }`],
  ['data that is kept for no time', `${W}data: { retain_days: 0 }`],
  ['data that is kept for ever', `${W}data: {}`],
  ['no retention', `${W}audit: { retention_days: 0 }`],
  ['a window without a switch', `${W}rollback: { window_minutes: 30 }`],
  ['a switch without a window', `${W}rollback: { enabled: true }`],
])('%s is refused by the loader and by the schema', (_what, text) => {
  expect(parsePolicy(text, 'p.yaml', [refundRequest]).ok).toBe(false)
  expect(flaws(text)).not.toEqual([])
})

/** The lines of the full policy, some of them changed: what stands there is exchanged for what stands elsewhere. */
const words = [...new Set(FULL.match(/[\w.$-]+|"[^"]*"/g) ?? [])]
const pieces = FULL.split('\n').slice(2, -1).join('\n').split(/\b/)
const changed = fc
  .array(fc.record({ at: fc.nat(pieces.length - 1), put: fc.constantFrom(...words, '') }), { maxLength: 3 })
  .map((edits) => {
    const all = [...pieces]
    for (const { at, put } of edits) all[at] = put
    return W + all.join('')
  })

test('what the loader takes, the schema takes', () => {
  let taken = 0
  const holds = (text: string): void => {
    if (!parsePolicy(text, 'p.yaml', [refundRequest, orderChange]).ok) return
    taken++
    expect(flaws(text)).toEqual([])
  }
  const checked = fc.check(fc.property(changed, holds), runs(2_000))
  expect(fc.defaultReportMessage(checked)).toBeUndefined()
  expect(taken).toBeGreaterThan(200)
})
