import { expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest, statusReport } from './fake-playbook.ts'

const W = 'workflow: refund_request\n'

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  [
    'three decimals of money',
    `${W}deny_if: {refund_amount_usd_gte: 49.999}\n`,
    'p.yaml:2:34 `deny_if.refund_amount_usd_gte` must be an amount of USD with at most two decimals, got `49.999`.',
    '  write it such as `49.99`.',
  ],
  [
    'a currency sign',
    `${W}deny_if: {refund_amount_usd_gte: $50}\n`,
    'p.yaml:2:34 `deny_if.refund_amount_usd_gte` must be a number, got `$50`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'hexadecimal money',
    `${W}deny_if: {refund_amount_usd_gte: 0x32}\n`,
    'p.yaml:2:34 `deny_if.refund_amount_usd_gte` must be a number, got `0x32`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'octal money',
    `${W}deny_if: {refund_amount_usd_gte: 0o62}\n`,
    'p.yaml:2:34 `deny_if.refund_amount_usd_gte` must be a number, got `0o62`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'quoted money',
    `${W}deny_if: {refund_amount_usd_gte: "50"}\n`,
    'p.yaml:2:34 `deny_if.refund_amount_usd_gte` must be a number, got the text `50`.',
    '  take the quotes away.',
  ],
  [
    'money that is no number',
    `${W}deny_if: {refund_amount_usd_gte: .nan}\n`,
    'p.yaml:2:34 `deny_if.refund_amount_usd_gte` must be a number, got `.nan`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'a list of money',
    `${W}deny_if: {refund_amount_usd_gte: [50]}\n`,
    'p.yaml:2:34 `deny_if.refund_amount_usd_gte` must be a number, got a list.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'more money than there is',
    `${W}deny_if: {refund_amount_usd_gte: 99999999999999}\n`,
    'p.yaml:2:34 `deny_if.refund_amount_usd_gte` must be an amount of USD with at most two decimals, got `99999999999999`.',
    '  write it such as `49.99`.',
  ],
  [
    'an amount twice',
    `${W}deny_if: {refund_amount_usd_in: [1, 1.00]}\n`,
    'p.yaml:2:37 `deny_if.refund_amount_usd_in` lists `1.00` twice.',
    '  keep one of the two.',
  ],
  [
    'sixteen digits',
    `${W}deny_if: {order_age_days_gt: 1234567890.123456}\n`,
    'p.yaml:2:30 `deny_if.order_age_days_gt` has more than 15 digits: `1234567890.123456`.',
    '  round it; more cannot be compared exactly.',
  ],
  [
    'a word as number',
    `${W}deny_if: {order_age_days_gt: old}\n`,
    'p.yaml:2:30 `deny_if.order_age_days_gt` must be a number, got `old`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'no list',
    `${W}deny_if: {customer_tier_in: enterprise}\n`,
    'p.yaml:2:29 `deny_if.customer_tier_in` must be a list, got `enterprise`.',
    '  put it in brackets: `[…]`.',
  ],
  [
    'an empty list',
    `${W}deny_if: {customer_tier_in: []}\n`,
    'p.yaml:2:29 `deny_if.customer_tier_in` must list 1 to 1000 values, got 0.',
    '  fill the list or take the trigger out.',
  ],
  [
    'unknown values',
    `${W}deny_if: {customer_tier_in: [enterprice, gold]}\n`,
    'p.yaml:2:30 `deny_if.customer_tier_in` must be one of `standard`, `plus`, `enterprise`, got `enterprice`.',
    '  did you mean `enterprise`?',
    'p.yaml:2:42 `deny_if.customer_tier_in` must be one of `standard`, `plus`, `enterprise`, got `gold`.',
    '  write one of them.',
  ],
  [
    'a value twice',
    `${W}deny_if: {customer_tier_in: [plus, plus]}\n`,
    'p.yaml:2:36 `deny_if.customer_tier_in` lists `plus` twice.',
    '  keep one of the two.',
  ],
  [
    'a quoted boolean',
    `${W}deny_if: {customer_blocked_eq: "true"}\n`,
    'p.yaml:2:32 `deny_if.customer_blocked_eq` must be `true` or `false`, got the text `true`.',
    '  write one of the two, without quotes.',
  ],
  [
    'exists what?',
    `${W}deny_if: {reason_exists: maybe}\n`,
    'p.yaml:2:26 `deny_if.reason_exists` must be `true` or `false`, got `maybe`.',
    '  write one of the two, without quotes.',
  ],
  [
    'an empty needle',
    `${W}deny_if: {reason_contains: ""}\n`,
    'p.yaml:2:28 `deny_if.reason_contains` looks for an empty text.',
    '  every text holds it; fill it in or take it out.',
  ],
  [
    'a blank needle in a list',
    `${W}deny_if: {reason_contains: [fraud, " "]}\n`,
    'p.yaml:2:36 `deny_if.reason_contains` looks for an empty text.',
    '  every text holds it; fill it in or take it out.',
  ],
  [
    'an invisible needle',
    `${W}deny_if: {reason_contains: "\\u200b"}\n`,
    'p.yaml:2:28 `deny_if.reason_contains` looks for an empty text.',
    '  every text holds it; fill it in or take it out.',
  ],
  [
    'an empty start',
    `${W}deny_if: {reason_starts_with: ""}\n`,
    'p.yaml:2:31 `deny_if.reason_starts_with` looks for an empty text.',
    '  every text holds it; fill it in or take it out.',
  ],
  [
    'a needle twice',
    `${W}deny_if: {reason_contains: [fraud, FRAUD]}\n`,
    'p.yaml:2:36 `deny_if.reason_contains` lists `FRAUD` twice.',
    '  keep one of the two.',
  ],
  [
    'a number as needle',
    `${W}deny_if: {reason_contains: [fraud, 5]}\n`,
    'p.yaml:2:36 `deny_if.reason_contains` must be text, got `5`.',
    '  put it in quotes.',
  ],
  [
    'a list of starts',
    `${W}deny_if: {reason_starts_with: [a]}\n`,
    'p.yaml:2:31 `deny_if.reason_starts_with` must be text, got a list.',
    '  write one text.',
  ],
  [
    'half a character as needle',
    `${W}deny_if: {reason_contains: "\\ud800"}\n`,
    'p.yaml:2:28 `deny_if.reason_contains` holds half a character.',
    '  take it out.',
  ],
  [
    'null as text',
    `${W}deny_if: {reason_eq: null}\n`,
    'p.yaml:2:22 `deny_if.reason_eq` must be text, got `null`.',
    '  put it in quotes.',
  ],
  [
    '1001 values',
    `${W}deny_if: {reason_in: [${Array.from({ length: 1001 }, (_, at) => `a${at}`).join()}]}\n`,
    'p.yaml:2:22 `deny_if.reason_in` must list 1 to 1000 values, got 1001.',
    '  fill the list or take the trigger out.',
  ],
]

test.each(REFUSED)('what a trigger cannot compare its fact with is refused: %s', (_what, text, ...lines) => {
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest, orderChange, statusReport])
  expect(parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))).toEqual(lines)
})
