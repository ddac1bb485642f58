import { expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest, statusReport } from './fake-playbook.ts'

const W = 'workflow: refund_request\n'

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  [
    'a misspelled workflow',
    'workflow: refund_reqest\n',
    'p.yaml:1:11 unknown workflow `refund_reqest`.',
    '  did you mean `refund_request`?',
  ],
  [
    'the slug',
    'workflow: refund-request\n',
    'p.yaml:1:11 unknown workflow `refund-request`.',
    '  did you mean `refund_request`?',
  ],
  [
    'an unknown workflow',
    'workflow: payroll\n',
    'p.yaml:1:11 unknown workflow `payroll`.',
    '  the known playbooks are: `refund_request`, `order_change`, `status_report`.',
  ],
  ['a number as workflow', 'workflow: 5\n', 'p.yaml:1:11 `workflow` must be text, got `5`.', '  put it in quotes.'],
  ['no value', 'workflow:\n', 'p.yaml:1:1 `workflow` must be text, got nothing.', '  put it in quotes.'],
  [
    'no workflow',
    'model_budget_usd: 1\n',
    'p.yaml:1:1 the policy lacks the key `workflow`.',
    '  add it; see docs/writing-a-policy.md.',
  ],
  [
    'a list as workflow',
    'workflow: [refund_request]\n',
    'p.yaml:1:11 `workflow` must be text, got a list.',
    '  write one text.',
  ],
  [
    'a misspelled key',
    `${W}modl_budget_usd: 1\n`,
    'p.yaml:2:1 unknown key `modl_budget_usd`.',
    '  did you mean `model_budget_usd`?',
  ],
  [
    'an unknown key',
    `${W}zzz: 1\n`,
    'p.yaml:2:1 unknown key `zzz`.',
    '  the keys here are: `workflow`, `autonomy`, `model_budget_usd`, `max_tool_calls`, `budget`, `requires_approval_if`, `deny_if`, `rules`, `limits`, `trust`, `evidence`, `approvals`, `audit`, `data`, `rollback`.',
  ],
  [
    'an unknown key in a section',
    `${W}audit: {exprt: splunk}\n`,
    'p.yaml:2:9 unknown key `exprt` in audit.',
    '  did you mean `export`?',
  ],
  [
    'a key twice',
    `${W}max_tool_calls: 1\nmax_tool_calls: 2\n`,
    'p.yaml:3:1 duplicate key `max_tool_calls`.',
    '  keep one of the two.',
  ],
  [
    'a key twice, once in quotes',
    `${W}deny_if: {reason_contains: a, "reason_contains": b}\n`,
    'p.yaml:2:31 duplicate key `reason_contains`.',
    '  keep one of the two.',
  ],
]

test.each(REFUSED)('keys that are not of the language are refused: %s', (_what, text, ...lines) => {
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest, orderChange, statusReport])
  expect(parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))).toEqual(lines)
})
