import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { canonicalJson, digestOfText } from '../../src/contract/digest.ts'
import { usd } from '../../src/contract/money.ts'
import { notActedOn } from '../../src/policy/decide/not-acted-on.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import type { Policy } from '../../src/policy/types.ts'
import { note, orderChange, pay, policyOf, refundRequest } from './fake-playbook.ts'

const parse = (text: string) => parsePolicy(text, 'p.yaml', [refundRequest, orderChange])

const policyIn = (keys: string): Policy => {
  const parsed = parse(`workflow: refund_request\n${keys}\n`)
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  return parsed.policy
}

const example = readFileSync(new URL('../../policies/refund-request.yaml', import.meta.url), 'utf8')

describe('a policy', () => {
  test('the example is read as it stands', () => {
    const parsed = parse(example)
    expect(parsed).toEqual({
      ok: true,
      text: example,
      digest: digestOfText(example),
      workflow: 'refund_request',
      policy: {
        workflow: 'refund_request',
        modelBudgetMicroUsd: 200_000,
        maxToolCalls: 5,
        budget: { onExceeded: 'escalate' },
        denyIf: [
          {
            id: 'deny_if.reason_contains',
            fact: 'reason',
            operator: 'contains',
            operands: ['chargeback retaliation', 'fraud'],
          },
        ],
        requiresApprovalIf: [
          {
            id: 'requires_approval_if.refund_amount_usd_gte',
            fact: 'refund_amount_usd',
            operator: 'gte',
            operands: [usd(5000)],
          },
          {
            id: 'requires_approval_if.customer_tier_in',
            fact: 'customer_tier',
            operator: 'in',
            operands: ['enterprise'],
          },
        ],
        trust: { atLeast: [], onLess: 'require_approval' },
        approvals: { expiresMinutes: 4320, onTimeout: 'escalate' },
        audit: { logLevel: 'evidence', export: 'splunk' },
        rollback: { enabled: true, windowMinutes: 30 },
      },
    })
  })

  test('the digest is that of the bytes: another comment is another policy', () => {
    const digests = [example, `${example}# checked\n`, example.replaceAll('\n', '\r\n')].map((text) => {
      const parsed = parse(text)
      return parsed.ok ? parsed.digest : null
    })
    expect(new Set(digests).size).toBe(3)
    expect(digests).not.toContain(null)
  })

  test('what is left out has its default', () => {
    expect(policyIn('')).toEqual(policyOf({}))
    expect(policyIn('budget: {}\napprovals: {}\naudit: {}\ndeny_if: {}')).toEqual(policyOf({}))
  })

  test('a whole number is never minus nothing, which JSON cannot say', () => {
    expect(policyIn('max_tool_calls: -0').maxToolCalls).toBe(0)
  })

  test('it is frozen and is plain JSON', () => {
    const policy = policyIn('deny_if: {reason_in: [a, b]}')
    expect(Object.isFrozen(policy.denyIf[0]?.operands)).toBe(true)
    expect(JSON.parse(canonicalJson(policy))).toEqual(policy)
  })

  test('the optional sections are read', () => {
    const policy = policyIn(
      'approvals: {expires_minutes: 1, on_timeout: refuse}\nbudget: {on_exceeded: refuse}\naudit: {log_level: standard}',
    )
    expect(policy.approvals).toEqual({ expiresMinutes: 1, onTimeout: 'refuse' })
    expect(policy.budget).toEqual({ onExceeded: 'refuse' })
    expect(policy.audit).toEqual({ logLevel: 'standard', export: null })
  })

  test('what nothing does yet is kept, and absent where it is not asked for', () => {
    const text = 'approvals: {reminders: [60, 1440]}\naudit: {retention_days: 365, redaction: [email, name]}'
    const policy = policyIn(text)
    expect(policy.approvals).toEqual({
      expiresMinutes: 4320,
      onTimeout: 'escalate',
      remindersMinutes: [60, 1440],
    })
    expect(policy.audit).toEqual({
      logLevel: 'evidence',
      export: null,
      retentionDays: 365,
      redaction: ['email', 'name'],
    })
    expect(notActedOn(policy)).toEqual([
      'approvals.reminders 60, 1440 (nobody is notified: start workers with --notify)',
      'audit.retention_days 365',
    ])
    expect(notActedOn(policyIn('approvals: {quorum: 1}\naudit: {export: splunk}'))).toEqual([])
  })

  test('how long data is kept is read, and absent where nothing says so', () => {
    expect(policyIn('data: {retain_days: 30}').data).toEqual({ retainDays: 30 })
    expect('data' in policyIn('max_tool_calls: 1')).toBe(false)
  })

  test('who has to approve and who may undo are kept, and absent where nothing says so', () => {
    const policy = policyIn(
      [
        'approvals: {quorum: 2, who: [finance, "Claims Desk"], unsigned: accept}',
        'rules:',
        '  - {id: usual, effect: require_approval, when: {reason_eq: x}}',
        '  - {id: two, effect: require_approval, when: {reason_eq: x}, quorum: 10}',
        '  - {id: legal, effect: require_approval, when: {reason_eq: x}, approvers: [legal, Legal], quorum: 1}',
        'rollback: {enabled: true, window_minutes: 5, who: [support]}',
      ].join('\n'),
    )
    expect(policy.approvals).toEqual({
      expiresMinutes: 4320,
      onTimeout: 'escalate',
      quorum: 2,
      who: ['finance', 'Claims Desk'],
      unsigned: 'accept',
    })
    const [usual, two, legal] = policy.rules ?? []
    expect([usual, two].map((rule) => [rule?.quorum, rule && 'approvers' in rule])).toEqual([
      [undefined, false],
      [10, false],
    ])
    expect(usual && 'quorum' in usual).toBe(false)
    expect(legal).toMatchObject({ approvers: ['legal', 'Legal'], quorum: 1 })
    expect(policy.rollback).toEqual({ enabled: true, windowMinutes: 5, who: ['support'] })
    expect(policyIn('approvals: {unsigned: refuse}').approvals.unsigned).toBe('refuse')
    for (const key of ['quorum', 'who', 'unsigned']) expect(key in policyIn('approvals: {}').approvals).toBe(false)
    expect('who' in policyIn('rollback: {enabled: false}').rollback).toBe(false)
  })

  test('demands on evidence are kept, of any risk and age where they do not say it; none is absent', () => {
    expect(policyIn('evidence: [{kind: record, risk: high, fresh_minutes: 60}, {kind: record}]').evidence).toEqual([
      { kind: 'record', risk: 'high', freshMinutes: 60 },
      { kind: 'record', risk: 'low' },
    ])
    expect('evidence' in policyIn('')).toBe(false)
  })

  test('what is enforced is not told as something that nothing does yet', () => {
    expect(notActedOn(policyIn('approvals: {quorum: 3, who: [a], unsigned: accept}'))).toEqual([])
  })

  test('an entry by value has the caps of what holds below it where it gives none', () => {
    const caps = 'model_budget_usd: 0.2\nmax_tool_calls: 5\nbudget:\n  on_exceeded: ask\n  by_value:\n'
    const entries = [
      '{at_least_usd: 0.01, max_tool_calls: 6}',
      '{at_least_usd: 500, model_budget_usd: 1}',
      '{model_budget_usd: 1.000001, at_least_usd: 1000.50, max_tool_calls: 1000000}',
    ]
    const { budget } = policyIn(caps + entries.map((entry) => `    - ${entry}\n`).join(''))
    expect(budget).toEqual({
      onExceeded: 'ask',
      byValue: [
        { atLeast: usd(1), modelBudgetMicroUsd: 200_000, maxToolCalls: 6 },
        { atLeast: usd(50_000), modelBudgetMicroUsd: 1_000_000, maxToolCalls: 6 },
        { atLeast: usd(100_050), modelBudgetMicroUsd: 1_000_001, maxToolCalls: 1_000_000 },
      ],
    })
  })

  test('an entry leaves a cap alone that the policy does not have', () => {
    const { budget } = policyIn('max_tool_calls: 0\nbudget: {by_value: [{at_least_usd: 1, max_tool_calls: 1}]}')
    expect(budget.byValue).toEqual([{ atLeast: usd(100), modelBudgetMicroUsd: null, maxToolCalls: 1 }])
  })

  test('the window of a rollback that is off is zero', () => {
    expect(policyIn('rollback: {enabled: false, window_minutes: 30}').rollback).toEqual({
      enabled: false,
      windowMinutes: 0,
    })
    expect(policyIn('rollback: {enabled: true, window_minutes: 0}').rollback.enabled).toBe(true)
  })

  test.each([
    ['0', 0],
    ['0.000001', 1],
    ['0.29', 290_000],
    ['1.1', 1_100_000],
    ['999999999.999999', 999_999_999_999_999],
  ])('a model budget of %s dollars is %i micro-dollars', (text, microUsd) => {
    expect(policyIn(`model_budget_usd: ${text}`).modelBudgetMicroUsd).toBe(microUsd)
  })

  test.each([
    ['50', 5000],
    ['50.1', 5010],
    ['1.15', 115],
    ['-0.01', -1],
    ['-0', 0],
    ['9999999999999.99', 999_999_999_999_999],
  ])('a threshold of %s dollars is %i cents', (text, cents) => {
    expect(policyIn(`deny_if: {refund_amount_usd_gt: ${text}}`).denyIf[0]?.operands).toEqual([usd(cents)])
  })

  test.each([
    ['order_age_days_in: [0.5, -3, -0]', [0.5, -3, 0]],
    ['customer_blocked_eq: True', [true]],
    ['customer_tier_not_in: [plus, enterprise, standard]', ['plus', 'enterprise', 'standard']],
    ['customer_tier_exists: false', [false]],
    ['refund_amount_usd_exists: true', [true]],
    ['reason_contains: fraud', ['fraud']],
    ['reason_contains_any: [fraud]', ['fraud']],
    ['reason_in: [no, off, yes, "5", ""]', ['no', 'off', 'yes', '5', '']],
    ['reason_eq: "two\\nlines"', ['two\nlines']],
    ['"note_body_starts_with": &quot', ['&quot']],
  ])('the trigger %s has the operands %j', (trigger, operands) => {
    const quoted = trigger.replace('&quot', '"&quot"')
    expect(policyIn(`deny_if: {${quoted}}`).denyIf[0]?.operands).toEqual(operands)
  })

  test('the longest operator that a key ends with is the one that is meant', () => {
    expect(policyIn('deny_if: {customer_tier_not_in: [plus]}').denyIf[0]).toMatchObject({
      fact: 'customer_tier',
      operator: 'not_in',
    })
  })

  test('triggers stay in the order of the file', () => {
    const policy = policyIn('deny_if:\n reason_eq: a\n note_body_eq: b\n customer_tier_eq: plus')
    expect(policy.denyIf.map(({ fact }) => fact)).toEqual(['reason', 'note_body', 'customer_tier'])
  })

  test('comments, quotes, block text and a document marker change nothing', () => {
    const parsed = parse(
      '---\n# refunds\n"workflow": \'refund_request\' # here\ndeny_if:\n reason_contains: |\n  fraud\n...\n',
    )
    expect(parsed.ok ? parsed.policy.denyIf[0]?.operands : parsed.problems).toEqual(['fraud\n'])
  })

  test('every problem is reported, in the order of the file', () => {
    const text =
      'rollback: {enabled: 1}\nworkflow: refund_request\nmodl_budget_usd: 1\nmax_tool_calls: -1\n' +
      'deny_if:\n reason_contans: x\n reason_contains: [""]\n'
    const parsed = parse(text)
    expect(parsed.ok ? [] : parsed.problems.map(formatProblem)).toEqual([
      'p.yaml:1:21 `rollback.enabled` must be `true` or `false`, got `1`.\n  write one of the two, without quotes.',
      'p.yaml:3:1 unknown key `modl_budget_usd`.\n  did you mean `model_budget_usd`?',
      'p.yaml:4:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `-1`.\n  write it in digits.',
      'p.yaml:6:2 unknown operator `contans` of `reason` in deny_if.\n  did you mean `contains`?',
      'p.yaml:7:20 `deny_if.reason_contains` looks for an empty text.\n  every text holds it; fill it in or take it out.',
    ])
    expect(parsed).toMatchObject({ ok: false, workflow: 'refund_request' })
  })

  test('money is read in the currency of the fact, and facts come from every write of the playbook', () => {
    const priced = { ...pay, declares: { price_eur: { type: 'money', currency: 'EUR', trust: 'record' } } } as const
    const contract = { ...refundRequest, tools: [note, { ...priced, facts: () => ({ price_eur: undefined }) }] }
    const parsed = parsePolicy('workflow: refund_request\ndeny_if: {price_eur_gt: 5, note_body_eq: x}', 'p', [contract])
    expect(parsed.ok ? parsed.policy.denyIf.map(({ operands }) => operands) : parsed.problems).toEqual([
      [{ currency: 'EUR', cents: 500 }],
      ['x'],
    ])
  })
})
