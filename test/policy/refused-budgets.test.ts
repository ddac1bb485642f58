import { expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest } from './fake-playbook.ts'

const W = 'workflow: refund_request\nmodel_budget_usd: 0.20\nmax_tool_calls: 5\n'
const entries = (...lines: readonly string[]) =>
  `${W}budget:\n by_value:\n${lines.map((line) => `  - ${line}\n`).join('')}`

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  [
    'more of nothing',
    'workflow: refund_request\nmodel_budget_usd: 0\nmax_tool_calls: 0\nbudget: {on_exceeded: ask}\n',
    'p.yaml:4:23 `budget.on_exceeded: ask` asks for as much again, and `model_budget_usd` is 0.',
    '  raise that, or write `escalate` or `refuse`.',
    'p.yaml:4:23 `budget.on_exceeded: ask` asks for as much again, and `max_tool_calls` is 0.',
    '  raise that, or write `escalate` or `refuse`.',
  ],
  [
    'a misspelled section',
    `${W}budget: {by_vale: []}\n`,
    'p.yaml:4:10 unknown key `by_vale` in budget.',
    '  did you mean `by_value`?',
  ],
  [
    'a map instead of a list',
    `${W}budget: {by_value: {at_least_usd: 500}}\n`,
    'p.yaml:4:20 `budget.by_value` must be a list, got a map.',
    '  start each entry with `- at_least_usd:`.',
  ],
  [
    'an empty list',
    `${W}budget: {by_value: []}\n`,
    'p.yaml:4:20 `budget.by_value` must list 1 to 100 entries, got 0.',
    '  fill the list or take it out.',
  ],
  [
    'entries that no run reaches',
    'workflow: order_change\nmax_tool_calls: 5\nbudget:\n by_value: [{at_least_usd: 5, max_tool_calls: 6}]\n',
    'p.yaml:4:12 `budget.by_value` is never reached: the playbook `order_change` derives no value.',
    '  take it out, or give the contract of the playbook a `value`.',
  ],
  [
    'an entry that is no map',
    entries('500'),
    'p.yaml:6:5 `budget.by_value[0]` must be a map, got `500`.',
    '  indent its keys below it, or take it out.',
  ],
  [
    'an entry without a value',
    entries('model_budget_usd: 1'),
    'p.yaml:6:5 `budget.by_value[0]` lacks the key `at_least_usd`.',
    '  add it; see docs/writing-a-policy.md.',
  ],
  [
    'an entry that raises nothing',
    entries('at_least_usd: 500'),
    'p.yaml:6:5 `budget.by_value[0]` raises nothing.',
    '  give it a `model_budget_usd`, a `max_tool_calls`, or both.',
  ],
  [
    'an entry with a misspelled cap',
    entries('{at_least_usd: 500, max_tool_cals: 9, model_budget_usd: 1}'),
    'p.yaml:6:25 unknown key `max_tool_cals` in budget.by_value[0].',
    '  did you mean `max_tool_calls`?',
  ],
  [
    'an entry that every run reaches',
    entries('{at_least_usd: 0, model_budget_usd: 1}'),
    'p.yaml:6:20 `budget.by_value[0].at_least_usd` must be an amount of USD above 0 with at most two decimals, got `0`.',
    '  write it such as `500`.',
  ],
  [
    'an amount that is none',
    entries('{at_least_usd: 5.005, model_budget_usd: 1}'),
    'p.yaml:6:20 `budget.by_value[0].at_least_usd` must be an amount of USD above 0 with at most two decimals, got `5.005`.',
    '  write it such as `500`.',
  ],
  [
    'a cap that is lower, and one that is the same',
    entries('{at_least_usd: 500, model_budget_usd: 0.1, max_tool_calls: 5}'),
    'p.yaml:6:43 `budget.by_value[0].model_budget_usd` must be more than the 0.2 that holds below it, got `0.1`.',
    '  an entry can only raise; leave the key out where nothing changes.',
    'p.yaml:6:64 `budget.by_value[0].max_tool_calls` must be more than the 5 that holds below it, got `5`.',
    '  an entry can only raise; leave the key out where nothing changes.',
  ],
  [
    'a cap that is lower than that of the entry before it',
    entries('{at_least_usd: 500, max_tool_calls: 9}', '{at_least_usd: 1000, model_budget_usd: 1, max_tool_calls: 8}'),
    'p.yaml:7:63 `budget.by_value[1].max_tool_calls` must be more than the 9 that holds below it, got `8`.',
    '  an entry can only raise; leave the key out where nothing changes.',
  ],
  [
    'entries in the wrong order, and the same value twice',
    entries(
      '{at_least_usd: 500, max_tool_calls: 9}',
      '{at_least_usd: 50, max_tool_calls: 10}',
      '{at_least_usd: 500, max_tool_calls: 11}',
    ),
    'p.yaml:7:20 `budget.by_value[1].at_least_usd` must be more than the $500.00 of the entry before it, got `50`.',
    '  list the entries from the lowest value to the highest, each value once.',
    'p.yaml:8:20 `budget.by_value[2].at_least_usd` must be more than the $500.00 of the entry before it, got `500`.',
    '  list the entries from the lowest value to the highest, each value once.',
  ],
  [
    'a raise of no cap',
    'workflow: refund_request\nmax_tool_calls: 5\nbudget:\n by_value: [{at_least_usd: 5, model_budget_usd: 1}]\n',
    'p.yaml:4:49 `budget.by_value[0].model_budget_usd` raises a cap that the policy does not have.',
    '  give the policy a `model_budget_usd`, or take this out.',
  ],
  [
    'a cap that cannot be read is compared with nothing',
    'workflow: refund_request\nmax_tool_calls: five\nbudget:\n by_value: [{at_least_usd: 5, max_tool_calls: 1}]\n',
    'p.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `five`.',
    '  write it in digits.',
  ],
]

test.each(REFUSED)('budgets that mean nothing are refused: %s', (_what, text, ...lines) => {
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest, orderChange])
  expect(parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))).toEqual(lines)
})
