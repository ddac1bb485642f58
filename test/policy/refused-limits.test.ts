import { expect, test } from 'vitest'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { refund } from '../../activities/billing/contract.ts'
import { refundRequest } from './fake-playbook.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'

const W = 'workflow: refund_request\n'
const COUNT = 'id: a, tool: shop.pay, per: principal, window_minutes: 60, at_most: 5, on_reached: deny'
const SUM =
  'id: a, tool: shop.pay, per: customer_tier, window_minutes: 60, at_most_usd: 200.5, of: refund_amount_usd, on_reached: escalate'
const SCORE =
  'id: a, tool: shop.pay, per: workspace, window_minutes: 60, score_gte: 6, of: refund_amount_usd, warm_up: 30, on_reached: require_approval'

/** One limit, in which a part is written otherwise. */
const limits = (limit: string, from = '', to = ''): string => {
  if (!limit.includes(from)) throw new Error(`no ${from}`)
  return `${W}limits:\n  - {${limit.replace(from, to)}}\n`
}
const without = (limit: string, key: string): string => limit.replace(new RegExp(`,? *\\b${key}: [^,]*`), '')
const said = (text: string, contracts: readonly PlaybookContract[] = [refundRequest]) => {
  const parsed = parsePolicy(text, 'p.yaml', contracts)
  return parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))
}

test('limits are read: a count, a sum in cents, a score in hundredths', () => {
  const text = `${W}limits:\n  - {${COUNT}}\n  - {${SUM.replace('id: a', 'id: b')}}\n  - {${SCORE.replace('id: a', 'id: c')}, on_warm_up: deny}\n`
  const parsed = parsePolicy(text, 'p.yaml', [refundRequest])
  expect(parsed).toMatchObject({
    ok: true,
    policy: {
      limits: [
        {
          id: 'limits.a',
          tool: 'shop.pay',
          per: 'principal',
          windowMinutes: 60,
          measure: { kind: 'count', most: 5 },
          onReached: 'deny',
        },
        { id: 'limits.b', per: 'customer_tier', of: 'refund_amount_usd', measure: { kind: 'sum', most: 20_050 } },
        { id: 'limits.c', measure: { kind: 'score', atLeast: 600, warmUp: 30, onWarmUp: 'deny' } },
      ],
    },
  })
  expect(parsePolicy(W, 'p.yaml', [refundRequest])).not.toHaveProperty('policy.limits')
})

test("a tool's own subjects can be counted by", () => {
  const contract = { ...refundRequest, tools: [refund] }
  const text = `${W}limits: [{id: a, tool: billing.refund, per: customer, window_minutes: 60, at_most: 5, on_reached: deny}]\n`
  expect(said(text, [contract])).toEqual([])
})

/** What it is, the text, and the lines that are printed. */
const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  ['no list', `${W}limits: {a: 1}\n`, 'p.yaml:2:9 `limits` must be a list, got a map.', '  start each entry with `-`.'],
  [
    'an unknown key',
    limits(COUNT, 'window_minutes', 'window_minute'),
    'p.yaml:3:5 `limits[0]` lacks the key `window_minutes`.',
    '  add it; see docs/writing-a-policy.md.',
    'p.yaml:3:45 unknown key `window_minute` in limits[0].',
    '  did you mean `window_minutes`?',
  ],
  [
    'an id twice',
    `${W}limits:\n  - {${COUNT}}\n  - {${COUNT}}\n`,
    'p.yaml:4:10 two limits have the id `a`.',
    '  it stands on the record: give each its own.',
  ],
  [
    'an unknown write',
    limits(COUNT, 'shop.pay', 'billing.refund'),
    'p.yaml:3:19 unknown write `billing.refund` in `limits[0].tool`.',
    '  the writes of this playbook are: `shop.pay`, `shop.note`.',
  ],
  [
    'a read',
    limits(COUNT, 'shop.pay', 'shop.look'),
    'p.yaml:3:19 unknown write `shop.look` in `limits[0].tool`.',
    '  did you mean `shop.note`?',
  ],
  [
    'nobody to count by',
    limits(COUNT, 'principal', 'colour'),
    'p.yaml:3:34 `limits[0].per` cannot be `colour`.',
    '  what `shop.pay` does can be counted by: `principal`, `workspace`, `playbook`, `customer_tier`.',
  ],
  [
    "a model's word to count by",
    limits(COUNT, 'principal', 'reason'),
    "p.yaml:3:34 `limits[0].per` cannot be `reason`: it is a model's word, so whoever writes to it chooses who is counted.",
    '  what `shop.pay` does can be counted by: `principal`, `workspace`, `playbook`, `customer_tier`.',
  ],
  [
    'a window of nothing',
    limits(COUNT, ': 60', ': 0'),
    'p.yaml:3:61 `limits[0].window_minutes` must be a whole number from 1 to 525600, got `0`.',
    '  write it in digits.',
  ],
  [
    'nothing that is measured',
    limits(without(COUNT, 'at_most')),
    'p.yaml:3:5 `limits[0]` must have one of `at_most`, `at_most_usd` and `score_gte`, got none.',
    '  count effects, add money up, or ask how unusual an amount is.',
  ],
  [
    'two things that are measured',
    limits(SUM, 'at_most_usd', 'at_most: 1, at_most_usd'),
    'p.yaml:3:5 `limits[0]` must have one of `at_most`, `at_most_usd` and `score_gte`, got 2.',
    '  count effects, add money up, or ask how unusual an amount is.',
  ],
  [
    'money that is counted',
    limits(`${COUNT}, of: refund_amount_usd`),
    'p.yaml:3:5 `limits[0].of` says nothing of a limit with `at_most`.',
    '  take it out, or write `at_most_usd`.',
  ],
  [
    'a sum of nothing',
    limits(without(SUM, 'of')),
    'p.yaml:3:5 `limits[0]` lacks the key `of`.',
    '  add it; see docs/writing-a-policy.md.',
  ],
  [
    'a sum of days',
    limits(SUM, 'refund_amount_usd', 'order_age_days'),
    'p.yaml:3:93 `limits[0].of` cannot be `order_age_days`: it is no money in USD of `shop.pay`.',
    '  there is: `refund_amount_usd`.',
  ],
  [
    'a sum of a tool without money',
    limits(SUM, 'shop.pay, per: customer_tier', 'shop.note, per: workspace'),
    'p.yaml:3:90 `limits[0].of` cannot be `refund_amount_usd`: it is no money in USD of `shop.note`.',
    '  `shop.note` has none: count its effects with `at_most`.',
  ],
  [
    'a third of a cent',
    limits(SUM, '200.5', '0.333'),
    'p.yaml:3:82 `limits[0].at_most_usd` must be an amount of USD from 0 to $1,000,000,000.00 with at most two decimals, got `0.333`.',
    '  write it such as `200`.',
  ],
  [
    'a score of nothing',
    limits(SCORE, 'score_gte: 6', 'score_gte: 0'),
    'p.yaml:3:76 `limits[0].score_gte` must be a number above 0, at most 1000, with at most two decimals, got `0`.',
    '  write it such as `6`.',
  ],
  [
    'a score without a warm-up',
    limits(without(SCORE, 'warm_up')),
    'p.yaml:3:5 `limits[0]` lacks the key `warm_up`.',
    '  add it; see docs/writing-a-policy.md.',
  ],
  [
    'a warm-up of a count',
    limits(`${COUNT}, warm_up: 30, on_warm_up: deny`),
    'p.yaml:3:5 `limits[0].warm_up` says nothing of a limit without `score_gte`.',
    '  take it out.',
    'p.yaml:3:5 `limits[0].on_warm_up` says nothing of a limit without `score_gte`.',
    '  take it out.',
  ],
  [
    'an unknown consequence',
    limits(COUNT, 'on_reached: deny', 'on_reached: refuse'),
    'p.yaml:3:89 `limits[0].on_reached` must be one of `require_approval`, `deny`, `escalate`, got `refuse`.',
    '  write one of them.',
  ],
]

test.each(REFUSED)('a limit is refused: %s', (_what, text, ...lines) => {
  expect(said(text)).toEqual(lines)
})
