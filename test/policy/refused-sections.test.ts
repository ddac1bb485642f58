import { expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest, statusReport } from './fake-playbook.ts'

const W = 'workflow: refund_request\n'

/** One more than there can be. */
const GROUPS = Array.from({ length: 21 }, (_, at) => `g${at}`).join(', ')

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
    'no approval',
    `${W}approvals: {quorum: 0}\n`,
    'p.yaml:2:21 `approvals.quorum` must be a whole number from 1 to 10, got `0`.',
    '  write it in digits.',
  ],
  [
    'more approvals than there can be',
    `${W}approvals: {quorum: 11}\n`,
    'p.yaml:2:21 `approvals.quorum` must be a whole number from 1 to 10, got `11`.',
    '  write it in digits.',
  ],
  [
    'a majority of approvals',
    `${W}approvals: {quorum: most}\n`,
    'p.yaml:2:21 `approvals.quorum` must be a whole number from 1 to 10, got `most`.',
    '  write it in digits.',
  ],
  [
    'half an approval, in quotes',
    `${W}approvals: {quorum: "1.5"}\n`,
    'p.yaml:2:21 `approvals.quorum` must be a whole number from 1 to 10, got the text `1.5`.',
    '  take the quotes away.',
  ],
  [
    'approvers that are no list',
    `${W}approvals: {who: finance}\n`,
    'p.yaml:2:18 `approvals.who` must be a list, got `finance`.',
    '  start each entry with `-`.',
  ],
  [
    'nobody who may approve',
    `${W}approvals: {who: []}\n`,
    'p.yaml:2:18 `approvals.who` must list 1 to 20 entries, got 0.',
    '  fill the list or take it out.',
  ],
  [
    'too many groups',
    `${W}approvals: {who: [${GROUPS}]}\n`,
    'p.yaml:2:18 `approvals.who` must list 1 to 20 entries, got 21.',
    '  fill the list or take it out.',
  ],
  [
    'a group twice, a number, and a blank',
    `${W}approvals: {who: [a, a, 5, " "]}\n`,
    'p.yaml:2:22 `approvals.who` lists `a` twice.',
    '  keep one of the two.',
    'p.yaml:2:25 `approvals.who[2]` must be text, got `5`.',
    '  put it in quotes.',
    'p.yaml:2:28 `approvals.who[3]` is blank.',
    '  fill it in or take the key out.',
  ],
  [
    'whether names without a statement count, perhaps',
    `${W}approvals: {unsigned: maybe}\n`,
    'p.yaml:2:23 `approvals.unsigned` must be one of `refuse`, `accept`, got `maybe`.',
    '  write one of them.',
  ],
  [
    'names without a statement, misspelt',
    `${W}approvals: {unsigned: acept}\n`,
    'p.yaml:2:23 `approvals.unsigned` must be one of `refuse`, `accept`, got `acept`.',
    '  did you mean `accept`?',
  ],
  [
    'names without a statement, as a flag',
    `${W}approvals: {unsigned: true}\n`,
    'p.yaml:2:23 `approvals.unsigned` must be one of `refuse`, `accept`, got `true`.',
    '  write one of them.',
  ],
  [
    'approvers, by the name that they have in rules',
    `${W}approvals: {approvers: [finance]}\n`,
    'p.yaml:2:13 unknown key `approvers` in approvals.',
    '  the keys here are: `expires_minutes`, `on_timeout`, `quorum`, `reminders`, `unsigned`, `who`.',
  ],
  [
    'an approver group of a rule twice, and a number',
    `${W}rules: [{id: r, effect: require_approval, when: {reason_eq: x}, approvers: [a, a, 5]}]\n`,
    'p.yaml:2:80 `rules[0].approvers` lists `a` twice.',
    '  keep one of the two.',
    'p.yaml:2:83 `rules[0].approvers[2]` must be text, got `5`.',
    '  put it in quotes.',
  ],
  [
    'one approver group for a list, in a rule',
    `${W}rules: [{id: r, effect: require_approval, when: {reason_eq: x}, approvers: a}]\n`,
    'p.yaml:2:76 `rules[0].approvers` must be a list, got `a`.',
    '  start each entry with `-`.',
  ],
  [
    'nobody who may approve what a rule asks for',
    `${W}rules: [{id: r, effect: require_approval, when: {reason_eq: x}, approvers: []}]\n`,
    'p.yaml:2:76 `rules[0].approvers` must list 1 to 20 entries, got 0.',
    '  fill the list or take it out.',
  ],
  [
    'too many groups of a rule',
    `${W}rules: [{id: r, effect: require_approval, when: {reason_eq: x}, approvers: [${GROUPS}]}]\n`,
    'p.yaml:2:76 `rules[0].approvers` must list 1 to 20 entries, got 21.',
    '  fill the list or take it out.',
  ],
  [
    'no approval and too many, of rules',
    `${W}rules: [{id: r, effect: require_approval, when: {reason_eq: x}, quorum: 0},\n` +
      ' {id: s, effect: require_approval, when: {reason_eq: x}, quorum: 11}]\n',
    'p.yaml:2:73 `rules[0].quorum` must be a whole number from 1 to 10, got `0`.',
    '  write it in digits.',
    'p.yaml:3:66 `rules[1].quorum` must be a whole number from 1 to 10, got `11`.',
    '  write it in digits.',
  ],
  ...(['deny', 'escalate', 'allow'] as const).flatMap((effect) =>
    (['quorum: 1', 'approvers: [finance]'] as const).map((said): readonly [string, string, ...string[]] => [
      `${said} of a rule that says ${effect}`,
      `${W}rules: [{id: r, effect: ${effect}, when: {reason_eq: x}, ${said}}]\n`,
      `p.yaml:2:${57 + effect.length + (said.startsWith('q') ? 0 : 3)} ` +
        `\`rules[0].${said.split(':')[0]}\` says nothing of a rule with the effect \`${effect}\`.`,
      '  take it out, or write `effect: require_approval`.',
    ]),
  ),
  [
    'who may undo, as one text',
    `${W}rollback: {enabled: false, who: finance}\n`,
    'p.yaml:2:33 `rollback.who` must be a list, got `finance`.',
    '  start each entry with `-`.',
  ],
  [
    'who may undo, twice and no text',
    `${W}rollback: {enabled: true, window_minutes: 5, who: [a, a, true]}\n`,
    'p.yaml:2:55 `rollback.who` lists `a` twice.',
    '  keep one of the two.',
    'p.yaml:2:58 `rollback.who[2]` must be text, got `true`.',
    '  put it in quotes.',
  ],
  [
    'nobody who may undo',
    `${W}rollback: {enabled: false, who: []}\n`,
    'p.yaml:2:33 `rollback.who` must list 1 to 20 entries, got 0.',
    '  fill the list or take it out.',
  ],
  [
    'too many who may undo',
    `${W}rollback: {enabled: false, who: [${GROUPS}]}\n`,
    'p.yaml:2:33 `rollback.who` must list 1 to 20 entries, got 21.',
    '  fill the list or take it out.',
  ],
  [
    'evidence that is no list',
    `${W}evidence: {kind: record}\n`,
    'p.yaml:2:11 `evidence` must be a list, got a map.',
    '  start each entry with `-`.',
  ],
  [
    'no evidence',
    `${W}evidence: []\n`,
    'p.yaml:2:11 `evidence` must list 1 to 20 entries, got 0.',
    '  fill the list or take it out.',
  ],
  [
    'evidence that is no demand',
    `${W}evidence: [record]\n`,
    'p.yaml:2:12 `evidence[0]` must be a map, got `record`.',
    '  indent its keys below it, or take it out.',
  ],
  [
    "a model's word as evidence",
    `${W}evidence: [{kind: model}]\n`,
    'p.yaml:2:19 `evidence[0].kind` must be one of `record`, `url`, `log`, `query`, `document`, got `model`.',
    '  write one of them.',
  ],
  [
    'evidence of no kind, of an unknown risk, of no age',
    `${W}evidence: [{risk: huge, fresh_minutes: 0}]\n`,
    'p.yaml:2:12 `evidence[0]` lacks the key `kind`.',
    '  add it; see docs/writing-a-policy.md.',
    'p.yaml:2:19 `evidence[0].risk` must be one of `low`, `medium`, `high`, got `huge`.',
    '  write one of them.',
    'p.yaml:2:40 `evidence[0].fresh_minutes` must be a whole number from 1 to 525600, got `0`.',
    '  write it in digits.',
  ],
  [
    'evidence of a kind that nothing gives',
    `${W}evidence: [{kind: url}]\n`,
    'p.yaml:2:19 `evidence[0].kind` demands `url`, and no tool of `refund_request` gives that.',
    '  the kinds that they give are: `record`.',
  ],
  [
    'evidence of a kind and a risk twice, the risk once by default',
    `${W}evidence: [{kind: record}, {kind: record, risk: high}, {kind: record, risk: low, fresh_minutes: 5}]\n`,
    'p.yaml:2:56 two demands are of the kind `record` and the risk `low`.',
    '  keep the stricter one.',
  ],
  [
    'an unknown key of evidence',
    `${W}evidence: [{kind: record, fresh_minuts: 5}]\n`,
    'p.yaml:2:27 unknown key `fresh_minuts` in evidence[0].',
    '  did you mean `fresh_minutes`?',
  ],
  [
    'a key of another section',
    `${W}audit: {who: [finance]}\n`,
    'p.yaml:2:9 unknown key `who` in audit.',
    '  the keys here are: `log_level`, `export`, `retention_days`, `redaction`.',
  ],
  [
    'one reminder for a list',
    `${W}approvals: {reminders: 60}\n`,
    'p.yaml:2:24 `approvals.reminders` must be a list, got `60`.',
    '  start each entry with `-`.',
  ],
  [
    'no reminders',
    `${W}approvals: {reminders: []}\n`,
    'p.yaml:2:24 `approvals.reminders` must list 1 to 10 entries, got 0.',
    '  fill the list or take it out.',
  ],
  [
    'a reminder at once, one before another, and one after the deadline',
    `${W}approvals: {reminders: [0, 30, 30, 60], expires_minutes: 60}\n`,
    'p.yaml:2:25 `approvals.reminders[0]` must be a whole number from 1 to 525600, got `0`.',
    '  write it in digits.',
    'p.yaml:2:32 `approvals.reminders[2]` must be 31 to 59 minutes after the question, got `30`.',
    '  each comes after the one before it and before the deadline.',
    'p.yaml:2:36 `approvals.reminders[3]` must be 31 to 59 minutes after the question, got `60`.',
    '  each comes after the one before it and before the deadline.',
  ],
  [
    'no retention',
    `${W}audit: {retention_days: 0}\n`,
    'p.yaml:2:25 `audit.retention_days` must be a whole number from 1 to 3650, got `0`.',
    '  write it in digits.',
  ],
  [
    'redaction of nothing, of a number, and of a field twice',
    `${W}audit: {redaction: [" ", 5, email, email]}\n`,
    'p.yaml:2:21 `audit.redaction[0]` is blank.',
    '  fill it in or take the key out.',
    'p.yaml:2:26 `audit.redaction[1]` must be text, got `5`.',
    '  put it in quotes.',
    'p.yaml:2:36 `audit.redaction` lists `email` twice.',
    '  keep one of the two.',
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
