import { expect, test } from 'vitest'
import { diffLines } from '../../src/cli/policy-diff.ts'
import { diffPolicies } from '../../src/policy/analyse/diff.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { pay, refundRequest } from './fake-playbook.ts'

/** The actions that are denied when a rule says so of these tests, in words. */
function denied(when: string): string {
  const spoken = 'rules: [{id: a, effect: allow, when: {reason_exists: true}}]'
  const [before, after] = [spoken, `${spoken}\ndeny_if: {${when}}`].map((keys) => {
    const parsed = parsePolicy(`workflow: refund_request\n${keys}`, 'p.yaml', [refundRequest])
    if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
    return parsed.policy
  })
  if (before === undefined || after === undefined) throw new RangeError('two are compared')
  const lines = diffLines(diffPolicies(before, after, [pay])).filter((line) => line.includes('allow → deny'))
  return lines.map((line) => line.replace('shop.pay: ', '').replace(': allow → deny', '')).join('\n')
}

test.each([
  ['refund_amount_usd_lte: 5', 'refund_amount_usd up to $5.00 or not known'],
  ['order_age_days_lt: 5', 'order_age_days less than 5 days or not known'],
  ['order_age_days_gt: 5', 'order_age_days more than 5 days or not known'],
  ['reason_starts_with: late', 'reason starting with `late` or not known'],
])('a region is told in words: %s', (when, words) => {
  expect(denied(when)).toBe(words)
})
