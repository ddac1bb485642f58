import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { refund } from '../../activities/billing/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import { doubtsAbout } from '../../src/policy/analyse/doubts.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { note, pay, refundRequest } from './fake-playbook.ts'

/** What is said of a policy of the made-up playbook, as `policy check` prints it. */
function doubts(text: string): readonly string[] {
  const parsed = parsePolicy(`workflow: refund_request\n${text}`, 'p.yaml', [refundRequest])
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  return doubtsAbout(parsed, 'p.yaml', [pay, note]).map(formatProblem)
}

const MEND = '\n  mend what it is compared with, or take it out.'
const WIDER = '\n  take it out, or mend the one that is wider than was meant.'
const NARROW = '\n  `allow` overrules nothing: narrow what decides otherwise, or take it out.'
const TAKE_IN = '\n  let one of the thresholds take it in: `_lte` for `_lt`, or `_gte` for `_gt`.'

const rule = (id: string, effect: string, when: string): string =>
  `  - { id: ${id}, effect: ${effect}, when: ${when} }\n`

const asks = (id: string, when: string, people: string): string => rule(id, 'require_approval', `${when}, ${people}`)

test.each([
  [
    'an amount that is to be at least 5 and less than 3',
    `rules:\n${rule('odd', 'deny', '{ refund_amount_usd_gte: 5, refund_amount_usd_lt: 3 }')}`,
    'p.yaml:3:11 warning: `rules.odd` can never match: with refund_amount_usd $2.99, `refund_amount_usd_lt` holds and ' +
      '`refund_amount_usd_gte` does not.',
  ],
  [
    'the same in all, of days',
    `rules:\n${rule('odd', 'deny', '{ all: [{ order_age_days_gt: 30 }, { order_age_days_lte: 30 }] }')}`,
    'p.yaml:3:11 warning: `rules.odd` can never match: with order_age_days 30 days, `order_age_days_lte` holds and ' +
      '`order_age_days_gt` does not.',
  ],
  [
    'none of all the values that there are',
    'deny_if:\n  customer_tier_not_in: [standard, plus, enterprise]\n',
    'p.yaml:3:3 warning: `deny_if.customer_tier_not_in` can never match: with customer_tier standard, ' +
      '`customer_tier_not_in` does not.',
  ],
  [
    'two values at once',
    `rules:\n${rule('odd', 'deny', '{ customer_tier_eq: plus, all: [{ customer_tier_in: [standard] }] }')}`,
    'p.yaml:3:11 warning: `rules.odd` can never match: with customer_tier standard, `customer_tier_in` holds and ' +
      '`customer_tier_eq` does not.',
  ],
  [
    'a text that has a word in it and not a part of that word',
    `rules:\n${rule('odd', 'deny', '{ reason_starts_with: "Fraudulent", not: { reason_contains: fraud } }')}`,
    'p.yaml:3:11 warning: `rules.odd` can never match: with reason `fraudulent`, `reason_starts_with`, ' +
      '`reason_contains` hold and it does not match.',
  ],
  [
    'not known and yet a value',
    `rules:\n${rule('odd', 'deny', '{ customer_blocked_exists: false, all: [{ customer_blocked_eq: true }] }')}`,
    'p.yaml:3:11 warning: `rules.odd` can never match: with customer_blocked true, `customer_blocked_eq` holds and ' +
      '`customer_blocked_exists` does not.',
  ],
  [
    'a part of an any',
    `rules:\n${rule('half', 'deny', '{ any: [{ customer_blocked_eq: true }, { order_age_days_lt: 1, order_age_days_gt: 2 }] }')}`,
    'p.yaml:3:11 warning: part 2 of the `any` of `rules.half` can never hold: with order_age_days 0 days, ' +
      '`order_age_days_lt` holds and `order_age_days_gt` does not.',
  ],
])('what can never match is told, with what comes nearest: %s', (_what, text, said) => {
  expect(doubts(text)).toEqual([said + MEND])
})

test.each([
  [
    'a higher threshold for the same',
    `requires_approval_if:\n  refund_amount_usd_gte: 50\nrules:\n${rule('late', 'require_approval', '{ refund_amount_usd_gte: 80 }')}`,
    'p.yaml:5:11 warning: `rules.late` never tips the scale: wherever it matches, ' +
      '`requires_approval_if.refund_amount_usd_gte` decides at least as much, such as require_approval with ' +
      'refund_amount_usd $80.00.',
  ],
  [
    'approval of what is denied',
    'deny_if:\n  refund_amount_usd_gt: 10\nrequires_approval_if:\n  refund_amount_usd_gte: 50\n',
    'p.yaml:5:3 warning: `requires_approval_if.refund_amount_usd_gte` never tips the scale: wherever it matches, ' +
      '`deny_if.refund_amount_usd_gt` decides at least as much, such as deny with refund_amount_usd $50.00.',
  ],
  [
    'a word that holds another',
    `deny_if:\n  reason_contains: fraud\nrules:\n${rule('long', 'deny', '{ reason_contains: fraudulent }')}`,
    'p.yaml:5:11 warning: `rules.long` never tips the scale: wherever it matches, `deny_if.reason_contains` decides at ' +
      'least as much, such as deny with reason `fraudulent`.',
  ],
  [
    'what several others take together',
    `requires_approval_if:\n  customer_tier_in: [standard]\nrules:\n${rule('most', 'require_approval', '{ customer_tier_not_in: [standard] }')}${rule('plus', 'require_approval', '{ customer_tier_in: [plus, standard] }')}`,
    'p.yaml:6:11 warning: `rules.plus` never tips the scale: wherever it matches, ' +
      '`requires_approval_if.customer_tier_in`, `rules.most` decide at least as much, such as require_approval with ' +
      'customer_tier standard.',
  ],
  [
    'the second of two that are the same',
    `rules:\n${rule('one', 'deny', '{ customer_blocked_eq: true, order_age_days_gt: 3 }')}${rule('two', 'deny', '{ customer_blocked_ne: false, order_age_days_gt: 3 }')}`,
    'p.yaml:4:11 warning: `rules.two` never tips the scale: wherever it matches, `rules.one` decides at least as much, ' +
      'such as deny with order_age_days 4 days, customer_blocked true.',
  ],
  [
    'what asks for less than a wider rule: one of several groups beside two of one of them',
    `rules:\n${asks('most', '{ refund_amount_usd_gte: 50 }', 'approvers: [finance], quorum: 2')}${asks('some', '{ refund_amount_usd_gte: 80 }', 'approvers: [support, finance]')}`,
    'p.yaml:4:11 warning: `rules.some` never tips the scale: wherever it matches, `rules.most` decides at least as much, ' +
      'such as require_approval with refund_amount_usd $80.00.',
  ],
  [
    'a threshold under a demand of trust that asks of every amount',
    `requires_approval_if:\n  reason_contains: late\ntrust:\n  at_least: { reason: record }\nrules:\n${rule('old', 'require_approval', '{ order_age_days_gt: 3 }')}`,
    'p.yaml:3:3 warning: `requires_approval_if.reason_contains` never tips the scale: wherever it matches, ' +
      '`trust.at_least.reason` decides at least as much, such as require_approval with order_age_days 3 days, reason ' +
      '`late`.',
  ],
])('what never tips the scale is told, with what does and an example: %s', (_what, text, said) => {
  expect(doubts(text)).toEqual([said + WIDER])
})

test.each([
  [
    'denied everywhere',
    `deny_if:\n  refund_amount_usd_gt: 100\nrules:\n${rule('nice', 'allow', '{ refund_amount_usd_gt: 200, customer_tier_eq: enterprise }')}`,
    'p.yaml:5:11 warning: `rules.nice` says `allow` and nothing that it matches is allowed: ' +
      '`deny_if.refund_amount_usd_gt` decides otherwise, such as deny with refund_amount_usd $200.01, customer_tier ' +
      'enterprise.',
  ],
  [
    'partly denied, partly asked',
    `deny_if:\n  refund_amount_usd_gt: 300\nrequires_approval_if:\n  customer_tier_eq: enterprise\nrules:\n${rule('nice', 'allow', '{ refund_amount_usd_gt: 200, customer_tier_eq: enterprise }')}`,
    'p.yaml:7:11 warning: `rules.nice` says `allow` and nothing that it matches is allowed: ' +
      '`deny_if.refund_amount_usd_gt`, `requires_approval_if.customer_tier_eq` decide otherwise, such as ' +
      'require_approval with refund_amount_usd $200.01, customer_tier enterprise.',
  ],
])('an allow of which nothing is allowed is told: %s', (_what, text, said) => {
  expect(doubts(text)).toEqual([said + NARROW])
})

test.each([
  [
    'one cent',
    'requires_approval_if:\n  refund_amount_usd_lt: 50\ndeny_if:\n  refund_amount_usd_gt: 50\n',
    'p.yaml:5:3 warning: `requires_approval_if.refund_amount_usd_lt` and `deny_if.refund_amount_usd_gt` leave a gap: ' +
      'refund_amount_usd $50.00 is decided allow, $49.99 require_approval and $50.01 deny.',
  ],
  [
    'the cents between two whole amounts',
    'deny_if:\n  refund_amount_usd_gte: 50\nrequires_approval_if:\n  refund_amount_usd_lte: 49\n',
    'p.yaml:5:3 warning: `requires_approval_if.refund_amount_usd_lte` and `deny_if.refund_amount_usd_gte` leave a gap: ' +
      'refund_amount_usd $49.01 to $49.99 is decided allow, $49.00 require_approval and $50.00 deny.',
  ],
  [
    'one number of days, of some customers',
    `requires_approval_if:\n  order_age_days_gt: 30\nrules:\n${rule('new', 'escalate', '{ order_age_days_lt: 30, customer_tier_eq: plus }')}`,
    'p.yaml:5:11 warning: `rules.new` and `requires_approval_if.order_age_days_gt` leave a gap: order_age_days 30 days ' +
      'is decided allow, 29 days escalate and 31 days require_approval, such as with customer_tier plus.',
  ],
])('thresholds that leave a gap are told, with the value and its neighbours: %s', (_what, text, said) => {
  expect(doubts(text)).toEqual([said + TAKE_IN])
})

test.each([
  ['one trigger alone, since without it every write waits', 'requires_approval_if:\n  refund_amount_usd_gte: 50\n'],
  ['an exception of one value that is named', 'deny_if:\n  refund_amount_usd_ne: 50\n  order_age_days_not_in: [3]\n'],
  [
    'thresholds that meet',
    'requires_approval_if:\n  refund_amount_usd_lt: 50\ndeny_if:\n  refund_amount_usd_gte: 50\n',
  ],
  [
    'a wide range that is let through',
    'requires_approval_if:\n  order_age_days_lt: 3\ndeny_if:\n  order_age_days_gt: 9\n',
  ],
  [
    'an allow for the record',
    `requires_approval_if:\n  refund_amount_usd_gt: 5\nrules:\n${rule('a', 'allow', '{ customer_tier_eq: plus }')}`,
  ],
  [
    'a stronger effect further up',
    'requires_approval_if:\n  refund_amount_usd_gte: 50\ndeny_if:\n  refund_amount_usd_gte: 500\n',
  ],
  ['words that are each other’s equals', 'deny_if:\n  reason_contains: fraud\n  reason_starts_with: legal\n'],
  [
    'a rule that has other people asked than the wider one',
    `requires_approval_if:\n  refund_amount_usd_gte: 50\nrules:\n${asks('late', '{ refund_amount_usd_gte: 80 }', 'approvers: [finance]')}`,
  ],
  [
    'a rule that has more people asked than the wider one',
    `approvals: { who: [support, finance] }\nrequires_approval_if:\n  refund_amount_usd_gte: 50\nrules:\n${asks('late', '{ refund_amount_usd_gte: 80 }', 'approvers: [finance], quorum: 2')}`,
  ],
  ['nothing at all', ''],
])('nothing is said of %s', (_what, text) => {
  expect(doubts(text)).toEqual([])
})

const STALE =
  'people may take 4320 minutes to approve `shop.pay`, and it wants a record at most 30 minutes old when it is done: an ' +
  'approval after that comes to nothing, and the run ends escalated.\n  shorten `approvals.expires_minutes`, or let it be older.'

test.each([
  ['where an amount has to be approved', 'requires_approval_if:\n  refund_amount_usd_gte: 5\n', 5, [STALE]],
  ['where nothing is asked of people', 'deny_if:\n  refund_amount_usd_gte: 5\n', 5, []],
  [
    'where people have less time',
    'requires_approval_if:\n  refund_amount_usd_gte: 5\napprovals:\n  expires_minutes: 30\n',
    7,
    [],
  ],
] as const)('evidence that grows old before people have to answer, %s', (_what, rest, line, said) => {
  const text = `${rest}evidence:\n  - { kind: record, fresh_minutes: 30 }\n  - { kind: record, risk: high, fresh_minutes: 5 }\n`
  expect(doubts(text)).toEqual(said.map((one) => `p.yaml:${line}:21 warning: ${one}`))
})

test('where there are too many combinations, that is said, and what can be told without them still is', () => {
  const rules = Array.from({ length: 12 }, (_, at) =>
    rule(
      `r${at}`,
      'require_approval',
      `{ refund_amount_usd_gte: ${at}, order_age_days_lt: ${at}, customer_tier_eq: plus, reason_contains: "word${at % 9}." }`,
    ),
  )
  const text = `rules:\n${rules.join('')}${rule('odd', 'deny', '{ order_age_days_gt: 5, order_age_days_lt: 3 }')}`
  const [first, ...others] = doubts(text)
  expect(first?.replace(/\d{5,}/, 'many')).toBe(
    'p.yaml:1:1 warning: `shop.pay` has many combinations of facts, too many to look for rules of it that never count.\n' +
      '  have fewer thresholds and words in one policy to have it looked at whole.',
  )
  expect(others).toEqual([
    'p.yaml:15:11 warning: `rules.odd` can never match: with order_age_days 2 days, `order_age_days_lt` holds and ' +
      `\`order_age_days_gt\` does not.${MEND}`,
  ])
})

const home = join(import.meta.dirname, '..', '..')

test.each(['refund-request', 'support-request'])('nothing is said of the shipped policy %s', (slug) => {
  const name = slug.replace('-', '_')
  const text = readFileSync(join(home, 'policies', `${slug}.yaml`), 'utf8')
  const parsed = parsePolicy(text, slug, [{ ...refundRequest, name, tools: [refund, reply] }])
  if (!parsed.ok) throw new Error('it is in order')
  expect(doubtsAbout(parsed, slug, [refund, reply])).toEqual([])
})
