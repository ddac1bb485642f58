import { expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest, statusReport } from './fake-playbook.ts'

const W = 'workflow: refund_request\n'

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  [
    'a negative budget',
    `${W}model_budget_usd: -1\n`,
    'p.yaml:2:19 `model_budget_usd` must be an amount of US dollars from 0 to 999999999 with at most six decimals, got `-1`.',
    '  write it such as `0.20`.',
  ],
  [
    'seven decimals',
    `${W}model_budget_usd: 0.0000001\n`,
    'p.yaml:2:19 `model_budget_usd` must be an amount of US dollars from 0 to 999999999 with at most six decimals, got `0.0000001`.',
    '  write it such as `0.20`.',
  ],
  [
    'an exponent',
    `${W}model_budget_usd: 1e3\n`,
    'p.yaml:2:19 `model_budget_usd` must be a number, got `1e3`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'not a number',
    `${W}model_budget_usd: .nan\n`,
    'p.yaml:2:19 `model_budget_usd` must be a number, got `.nan`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'infinity',
    `${W}model_budget_usd: .inf\n`,
    'p.yaml:2:19 `model_budget_usd` must be a number, got `.inf`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'minus infinity',
    `${W}model_budget_usd: -.Inf\n`,
    'p.yaml:2:19 `model_budget_usd` must be a number, got `-.Inf`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'a quoted number',
    `${W}model_budget_usd: "0.20"\n`,
    'p.yaml:2:19 `model_budget_usd` must be a number, got the text `0.20`.',
    '  take the quotes away.',
  ],
  [
    'a huge budget',
    `${W}model_budget_usd: 1234567890\n`,
    'p.yaml:2:19 `model_budget_usd` must be an amount of US dollars from 0 to 999999999 with at most six decimals, got `1234567890`.',
    '  write it such as `0.20`.',
  ],
  [
    'words',
    `${W}model_budget_usd: lots\n`,
    'p.yaml:2:19 `model_budget_usd` must be a number, got `lots`.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'nothing',
    `${W}model_budget_usd:\n`,
    'p.yaml:2:1 `model_budget_usd` must be a number, got nothing.',
    '  write it in digits, such as `50` or `49.99`.',
  ],
  [
    'a negative count',
    `${W}max_tool_calls: -1\n`,
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `-1`.',
    '  write it in digits.',
  ],
  [
    'half a call',
    `${W}max_tool_calls: 1.5\n`,
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `1.5`.',
    '  write it in digits.',
  ],
  [
    'a leading zero',
    `${W}max_tool_calls: 010\n`,
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `010`.',
    '  write it in digits.',
  ],
  [
    'octal',
    `${W}max_tool_calls: 0o10\n`,
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `0o10`.',
    '  write it in digits.',
  ],
  [
    'hexadecimal',
    `${W}max_tool_calls: 0x10\n`,
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `0x10`.',
    '  write it in digits.',
  ],
  [
    'separators',
    `${W}max_tool_calls: 1_000\n`,
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `1_000`.',
    '  write it in digits.',
  ],
  [
    'a boolean',
    `${W}max_tool_calls: true\n`,
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `true`.',
    '  write it in digits.',
  ],
  [
    'too many',
    `${W}max_tool_calls: 5000000\n`,
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `5000000`.',
    '  write it in digits.',
  ],
  [
    'a plus sign',
    `${W}max_tool_calls: +5\n`,
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `+5`.',
    '  write it in digits.',
  ],
]

test.each(REFUSED)('values of another type or size are refused: %s', (_what, text, ...lines) => {
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest, orderChange, statusReport])
  expect(parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))).toEqual(lines)
})
