import { expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest, statusReport } from './fake-playbook.ts'

const W = 'workflow: refund_request\n'

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  [
    'a misspelled choice',
    `${W}budget: {on_exceeded: escalte}\n`,
    'p.yaml:2:23 `budget.on_exceeded` must be one of `escalate`, `refuse`, `ask`, got `escalte`.',
    '  did you mean `escalate`?',
  ],
  [
    '`no` is text',
    `${W}budget: {on_exceeded: no}\n`,
    'p.yaml:2:23 `budget.on_exceeded` must be one of `escalate`, `refuse`, `ask`, got `no`.',
    '  write one of them.',
  ],
  [
    'no section',
    `${W}budget: escalate\n`,
    'p.yaml:2:9 `budget` must be a map, got `escalate`.',
    '  indent its keys below it, or take it out.',
  ],
  [
    'a deadline at once, and an unknown choice',
    `${W}approvals: {expires_minutes: 0, on_timeout: approve}\n`,
    'p.yaml:2:30 `approvals.expires_minutes` must be a whole number from 1 to 525600, got `0`.',
    '  write it in digits.',
    'p.yaml:2:45 `approvals.on_timeout` must be one of `escalate`, `refuse`, got `approve`.',
    '  write one of them.',
  ],
  [
    'a deadline past a year',
    `${W}approvals: {expires_minutes: 525601}\n`,
    'p.yaml:2:30 `approvals.expires_minutes` must be a whole number from 1 to 525600, got `525601`.',
    '  write it in digits.',
  ],
  [
    'an unknown level',
    `${W}audit: {log_level: verbose}\n`,
    'p.yaml:2:20 `audit.log_level` must be one of `evidence`, `standard`, got `verbose`.',
    '  write one of them.',
  ],
  [
    'a number as target',
    `${W}audit: {export: 5}\n`,
    'p.yaml:2:17 `audit.export` must be text, got `5`.',
    '  put it in quotes.',
  ],
  [
    'a blank target',
    `${W}audit: {export: " "}\n`,
    'p.yaml:2:17 `audit.export` is blank.',
    '  fill it in or take the key out.',
  ],
  [
    'an empty section',
    `${W}audit:\n`,
    'p.yaml:2:1 `audit` must be a map, got nothing.',
    '  indent its keys below it, or take it out.',
  ],
  [
    'a window without a switch',
    `${W}rollback: {window_minutes: 30}\n`,
    'p.yaml:2:11 `rollback` lacks the key `enabled`.',
    '  add it; see docs/writing-a-policy.md.',
  ],
  [
    'a switch without a window',
    `${W}rollback: {enabled: true}\n`,
    'p.yaml:2:11 `rollback` lacks the key `window_minutes`.',
    '  add it; see docs/writing-a-policy.md.',
  ],
  [
    '`yes` is text',
    `${W}rollback: {enabled: yes, window_minutes: 5}\n`,
    'p.yaml:2:21 `rollback.enabled` must be `true` or `false`, got `yes`.',
    '  write one of the two, without quotes.',
  ],
  [
    'a negative window',
    `${W}rollback: {enabled: true, window_minutes: -5}\n`,
    'p.yaml:2:43 `rollback.window_minutes` must be a whole number from 0 to 525600, got `-5`.',
    '  write it in digits.',
  ],
  [
    'a negative window that is off',
    `${W}rollback: {enabled: false, window_minutes: -5}\n`,
    'p.yaml:2:44 `rollback.window_minutes` must be a whole number from 0 to 525600, got `-5`.',
    '  write it in digits.',
  ],
]

test.each(REFUSED)('sections that are not of the language are refused: %s', (_what, text, ...lines) => {
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest, orderChange, statusReport])
  expect(parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))).toEqual(lines)
})
