import { expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest, statusReport } from './fake-playbook.ts'

const W = 'workflow: refund_request\n'

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  [
    'a misspelled fact',
    `${W}requires_approval_if:\n refund_amout_usd_gte: 50\n`,
    'p.yaml:3:2 unknown fact `refund_amout_usd` in requires_approval_if.',
    '  did you mean `refund_amount_usd`?',
  ],
  [
    'an unknown fact',
    `${W}deny_if: {colour_eq: red}\n`,
    'p.yaml:2:11 unknown fact `colour` in deny_if.',
    '  the facts of this playbook are: `refund_amount_usd`, `order_age_days`, `customer_tier`, `customer_blocked`, `reason`, `note_body`.',
  ],
  [
    'no operator',
    `${W}deny_if: {customer_blocked: true}\n`,
    'p.yaml:2:11 `customer_blocked` in deny_if has no operator.',
    '  write one of `customer_blocked_eq`, `customer_blocked_ne`, `customer_blocked_exists`.',
  ],
  [
    'a misspelled operator',
    `${W}deny_if: {refund_amount_usd_gtee: 50}\n`,
    'p.yaml:2:11 unknown operator `gtee` of `refund_amount_usd` in deny_if.',
    '  did you mean `gte`?',
  ],
  [
    'an unknown operator',
    `${W}deny_if: {customer_blocked_above: 50}\n`,
    'p.yaml:2:11 unknown operator `above` of `customer_blocked` in deny_if.',
    '  its operators are: `eq`, `ne`, `exists`.',
  ],
  [
    'an unknown operator that ends like a known one',
    `${W}deny_if: {reason_not_contains: x}\n`,
    'p.yaml:2:11 unknown operator `not_contains` of `reason` in deny_if.',
    '  its operators are: `eq`, `ne`, `in`, `not_in`, `contains`, `contains_any`, `starts_with`, `exists`.',
  ],
  [
    'no underscore',
    `${W}deny_if: {refund_amount_usdgte: 50}\n`,
    'p.yaml:2:11 unknown fact or operator `refund_amount_usdgte` in deny_if.',
    '  did you mean `refund_amount_usd_gte`?',
  ],
  [
    'neither fact nor operator',
    `${W}deny_if: {colour: 50}\n`,
    'p.yaml:2:11 unknown fact or operator `colour` in deny_if.',
    '  a trigger is `<fact>_<operator>`, such as `refund_amount_usd_gte`.',
  ],
  [
    'text operators of money',
    `${W}deny_if: {refund_amount_usd_contains: "5"}\n`,
    'p.yaml:2:11 `contains` cannot be asked of `refund_amount_usd` in deny_if: it is money in USD.',
    '  its operators are: `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `not_in`, `exists`.',
  ],
  [
    'a list operator of a boolean',
    `${W}deny_if: {customer_blocked_in: [true]}\n`,
    'p.yaml:2:11 `in` cannot be asked of `customer_blocked` in deny_if: it is boolean.',
    '  its operators are: `eq`, `ne`, `exists`.',
  ],
  [
    'a list of triggers',
    `${W}deny_if: [reason_contains]\n`,
    'p.yaml:2:10 `deny_if` must be a map, got a list.',
    '  indent its keys below it, or take it out.',
  ],
  [
    'no triggers',
    `${W}deny_if:\n`,
    'p.yaml:2:1 `deny_if` must be a map, got nothing.',
    '  indent its keys below it, or take it out.',
  ],
  [
    'facts of no tool',
    'workflow: status_report\ndeny_if: {reason_contains: fraud}\n',
    'p.yaml:2:11 unknown fact `reason` in deny_if.',
    '  the facts of this playbook are: none.',
  ],
  [
    'facts of another playbook',
    'workflow: order_change\nrequires_approval_if: {refund_amount_usd_gte: 5}\n',
    'p.yaml:2:24 unknown fact `refund_amount_usd` in requires_approval_if.',
    '  the facts of this playbook are: `note_body`.',
  ],
]

test.each(REFUSED)('triggers that could never be decided are refused: %s', (_what, text, ...lines) => {
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest, orderChange, statusReport])
  expect(parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))).toEqual(lines)
})
