import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countersign, useFolder } from './cli.ts'

const folder = useFolder()
const policies = join(import.meta.dirname, '..', '..', 'policies')
const explain = (slug: string, ...args: readonly string[]) =>
  countersign(['policy', 'explain', join(policies, `${slug}.yaml`), ...args], { cwd: folder() })

const facts = (given: object): readonly string[] => ['--action', 'billing.refund', '--facts', JSON.stringify(given)]

test('without facts it tells what in the policy speaks of which tools', async () => {
  const { code, stdout, stderr } = await explain('support-request')
  expect(stderr).toBe('')
  expect(stdout).toBe(`billing.refund
  deny: deny_if.reason_contains: \`chargeback retaliation\`, \`fraud\` (reason)
  require_approval: requires_approval_if.refund_amount_usd_gte: $50.00 (refund_amount_usd)
  require_approval: requires_approval_if.refunded_total_usd_gte: $50.00 (refunded_total_usd)
  require_approval: requires_approval_if.customer_tier_in: \`enterprise\` (customer_tier)
helpdesk.reply
  require_approval: requires_approval_if.reply_unbacked_claim_eq: true (reply_unbacked_claim)
`)
  expect(code).toBe(0)
})

test('how long the data of its runs is kept is told where the policy says it', async () => {
  const file = join(folder(), 'refund-request.yaml')
  await writeFile(file, 'workflow: refund_request\ndeny_if: {reason_contains: fraud}\ndata: {retain_days: 30}\n')
  const { stdout } = await countersign(['policy', 'explain', file], { cwd: folder() })
  expect(stdout).toMatch(/\ndata\n {2}data\.retain_days: 30 days after a run has closed, .+\n$/)
  const told = await countersign(['policy', 'explain', file, '--json'], { cwd: folder() })
  expect(JSON.parse(told.stdout)).toMatchObject({ data: { retainDays: 30 } })
})

test('of one tool of which nothing speaks it says so', async () => {
  const { stdout } = await explain('refund-request', '--action', 'helpdesk.reply')
  expect(stdout).toBe('helpdesk.reply\n  nothing speaks of it\n')
})

test('a waiting refund: what matched, what nearly did, and the nearest value of each fact that changes the answer', async () => {
  const given = { refund_amount_usd: 120, customer_tier: 'standard', reason: 'arrived broken' }
  const { code, stdout } = await explain('refund-request', ...facts(given))
  expect(stdout)
    .toBe(`billing.refund: refund_amount_usd $120.00, customer_tier standard, reason \`arrived broken\`: require_approval
  matched    require_approval: refund_amount_usd is $120.00 (a model's word), at least $50.00 (requires_approval_if.refund_amount_usd_gte)
  needs      1 other than the requester
  nearly     require_approval: requires_approval_if.customer_tier_in, with customer_tier enterprise
             deny: deny_if.reason_contains, with reason \`arrived broken chargeback retaliation\`
  otherwise  allow with refund_amount_usd $49.99
             deny with reason \`arrived broken chargeback retaliation\`
`)
  expect(code).toBe(0)
})

test('where two triggers ask, no change of one fact lets the refund through', async () => {
  const given = { refund_amount_usd: '50.00', customer_tier: 'enterprise', reason: 'late' }
  const { stdout } = await explain('refund-request', ...facts(given))
  expect(stdout).toContain('  otherwise  deny with reason `late chargeback retaliation`\n')
  expect(stdout).not.toContain('allow')
})

test('what is not known denies, and a value is told that would change that', async () => {
  const { stdout } = await explain('refund-request', ...facts({ refund_amount_usd: 49.99, reason: 'late' }))
  expect(stdout).toBe(`billing.refund: refund_amount_usd $49.99, reason \`late\`: deny
  matched    deny: customer_tier is not known (requires_approval_if.customer_tier_in)
  nearly     require_approval: requires_approval_if.refund_amount_usd_gte, with refund_amount_usd $50.00
             deny: deny_if.reason_contains, with reason \`late chargeback retaliation\`
  otherwise  allow with customer_tier standard
             require_approval with customer_tier enterprise
`)
})

test('with nothing known it takes more than one fact', async () => {
  const { stdout } = await explain('refund-request', ...facts({}))
  expect(stdout).toMatch(/^billing\.refund: no fact known: deny\n/)
  expect(stdout).toMatch(/\n {2}otherwise {2}no change of one fact changes the answer\n$/)
})

test('--json gives the decision as it stands on the record, and what is one fact away', async () => {
  const given = { refund_amount_usd: 20, customer_tier: 'plus', reason: 'late' }
  const { stdout } = await explain('refund-request', ...facts(given), '--json')
  const usd = (cents: number) => ({ currency: 'USD', cents })
  const retaliation = 'late chargeback retaliation'
  const anybody = { groups: [], quorum: 1 }
  expect(JSON.parse(stdout)).toEqual({
    tool: 'billing.refund',
    limits: [],
    demands: [],
    facts: { refund_amount_usd: usd(2_000), customer_tier: 'plus', reason: 'late' },
    decision: { effect: 'allow', matches: [] },
    requires: [],
    nearly: [
      {
        fact: 'refund_amount_usd',
        value: usd(5_000),
        rule: 'requires_approval_if.refund_amount_usd_gte',
        effect: 'require_approval',
      },
      {
        fact: 'customer_tier',
        value: 'enterprise',
        rule: 'requires_approval_if.customer_tier_in',
        effect: 'require_approval',
      },
      { fact: 'reason', value: retaliation, rule: 'deny_if.reason_contains', effect: 'deny' },
    ],
    changes: [
      { fact: 'refund_amount_usd', value: usd(5_000), effect: 'require_approval', requires: [anybody] },
      { fact: 'customer_tier', value: 'enterprise', effect: 'require_approval', requires: [anybody] },
      { fact: 'reason', value: retaliation, effect: 'deny', requires: [] },
    ],
    cel: [],
  })
})

/** What is wrong, the arguments, and what stands on stderr. */
const MISUSED: readonly (readonly [string, readonly string[], string])[] = [
  [
    'an unknown tool',
    ['--action', 'billing.refnd'],
    'error: unknown tool `billing.refnd`\n  help  did you mean `billing.refund`?\n',
  ],
  ['a tool that only reads', ['--action', 'billing.getOrder'], 'error: unknown tool `billing.getOrder`\n'],
  [
    'facts of no action',
    ['--facts', '{}'],
    'error: --facts are facts of an action\n  help  Name its tool with --action.\n',
  ],
  ['no JSON', ['--action', 'billing.refund', '--facts', '{'], 'error: --facts is not JSON: '],
  ['no object', ['--action', 'billing.refund', '--facts', '[]'], 'error: --facts is not a JSON object\n'],
  ['an unknown fact', facts({ refund_amount: 5 }), 'error: unknown fact `refund_amount`\n'],
  [
    'half a cent',
    facts({ refund_amount_usd: 0.005 }),
    'error: `refund_amount_usd` must be an amount with at most two decimals, such as 49.99, got `0.005`\n' +
      '  help  Write it as a policy would; leave it out where it is not known.\n',
  ],
  [
    'an unknown value',
    facts({ customer_tier: 'enterprize' }),
    'error: `customer_tier` must be one of its values, got `"enterprize"`\n  help  did you mean `enterprise`?\n',
  ],
  [
    'a fact of nothing that is known',
    facts({ weather: 5 }),
    'error: unknown fact `weather`\n  help  the facts of this tool are: `refund_amount_usd`, ',
  ],
  [
    'a value like none',
    facts({ customer_tier: 'x' }),
    'error: `customer_tier` must be one of its values, got `"x"`\n  help  its values are: `standard`, `plus`, `enterprise`.\n',
  ],
  ['a number for a text', facts({ reason: 5 }), 'error: `reason` must be a text, got `5`\n'],
]

test.concurrent.each(MISUSED)('%s is a usage error: exit code 2', async (_what, args, said) => {
  const { code, stdout, stderr } = await explain('refund-request', ...args)
  expect(stderr).toContain(said)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

test('limits over time are named, and of an action that only the ledger tells whether they are reached', async () => {
  const file = join(folder(), 'refund-request.yaml')
  const limits =
    'limits: [{ id: daily, tool: billing.refund, per: customer, window_minutes: 1440, at_most: 3, on_reached: escalate }]\n'
  await writeFile(file, `${await readFile(join(policies, 'refund-request.yaml'), 'utf8')}${limits}`)
  const spoken = await countersign(['policy', 'explain', file, '--action', 'billing.refund'], { cwd: folder() })
  expect(spoken.stdout).toContain('\n  escalate: limits.daily: at_most 3 within 24 hours (customer)\n')
  const given = facts({ refund_amount_usd: 20, customer_tier: 'standard', reason: 'late' })
  const { stdout } = await countersign(['policy', 'explain', file, ...given], { cwd: folder() })
  expect(stdout).toContain('  also       escalate: limits.daily, when the ledger says that it is reached\n')
})

test('demands on evidence are named: only what an action cites tells whether they are met', async () => {
  const file = join(folder(), 'demanding.yaml')
  const evidence = 'evidence: [{ kind: record, risk: high, fresh_minutes: 60 }, { kind: record }]\n'
  await writeFile(file, `${await readFile(join(policies, 'refund-request.yaml'), 'utf8')}${evidence}`)
  const given = facts({ refund_amount_usd: 20, customer_tier: 'standard', reason: 'late' })
  const { stdout } = await countersign(['policy', 'explain', file, ...given], { cwd: folder() })
  expect(stdout).toContain(
    '  also       escalate: evidence, unless it cites a record at most 60 minutes old\n' +
      '             escalate: evidence, unless it cites a record\n',
  )
})

const PEOPLE = `approvals: { who: [support], quorum: 1 }
rules:
  - { id: large, effect: require_approval, when: { refund_amount_usd_gte: 500 }, approvers: [refund-approvers, finance], quorum: 2 }
  - { id: words, effect: require_approval, when: { reason_contains: lawyer }, approvers: [legal] }
`

test('it tells whom the policy asks, who would have to approve an action, and what would ask others', async () => {
  const file = join(folder(), 'people.yaml')
  await writeFile(file, `${await readFile(join(policies, 'refund-request.yaml'), 'utf8')}${PEOPLE}`)
  const run = (...args: readonly string[]) => countersign(['policy', 'explain', file, ...args], { cwd: folder() })
  expect((await run('--action', 'billing.refund')).stdout).toBe(`billing.refund
  deny: deny_if.reason_contains: \`chargeback retaliation\`, \`fraud\` (reason)
  require_approval by 1 of support: requires_approval_if.refund_amount_usd_gte: $50.00 (refund_amount_usd)
  require_approval by 1 of support: requires_approval_if.customer_tier_in: \`enterprise\` (customer_tier)
  require_approval by 2 of refund-approvers, finance: rules.large: refund_amount_usd_gte $500.00 (refund_amount_usd)
  require_approval by 1 of legal: rules.words: reason_contains \`lawyer\` (reason)
`)
  const given = { refund_amount_usd: 600, customer_tier: 'standard', reason: 'my lawyer' }
  const { stdout } = await run(...facts(given))
  expect(stdout).toContain(`
  needs      2 of finance, refund-approvers
             1 of legal
             1 of support
`)
  expect(stdout).toContain(`
  otherwise  require_approval by 1 of legal with refund_amount_usd $49.99
             require_approval by 1 of legal and 1 of support with refund_amount_usd $499.99
             require_approval by 2 of finance, refund-approvers and 1 of support with reason \`something else\`
             deny with reason \`chargeback retaliation\`
`)
  const json = await run(...facts(given), '--json')
  expect(JSON.parse(json.stdout)).toMatchObject({
    requires: [
      { groups: ['finance', 'refund-approvers'], quorum: 2 },
      { groups: ['legal'], quorum: 1 },
      { groups: ['support'], quorum: 1 },
    ],
  })
})

const whole = async (name: string, text: string): Promise<string> => {
  const file = join(folder(), name)
  await writeFile(file, text)
  return file
}

test('what is said of every write is told of each tool, and of an action', async () => {
  const limited = await readFile(join(policies, 'refund-request.yaml'), 'utf8')
  const said = {
    suggest: 'suggest: autonomy.suggest: the policy only suggests, so every write is drafted and none is done',
    execute_with_approvals: 'require_approval: autonomy.execute_with_approvals: the policy has every write approved',
  }
  for (const [level, line] of Object.entries(said)) {
    const file = await whole(`${level}.yaml`, `${limited}autonomy: ${level}\n`)
    const reply = await countersign(['policy', 'explain', file, '--action', 'helpdesk.reply'], { cwd: folder() })
    expect(reply).toMatchObject({ code: 0, stdout: `helpdesk.reply\n  ${line}\n` })
    const given = facts({ refund_amount_usd: 20, customer_tier: 'standard', reason: 'late' })
    const { stdout } = await countersign(['policy', 'explain', file, ...given], { cwd: folder() })
    expect(stdout).toContain(`(autonomy.${level})\n`)
  }
  const silent = await whole('silent.yaml', 'workflow: refund_request\n')
  const { stdout } = await countersign(['policy', 'explain', silent, '--action', 'helpdesk.reply'], { cwd: folder() })
  expect(stdout).toBe(
    'helpdesk.reply\n  require_approval: no_triggers: the policy has no trigger, so every write needs approval\n',
  )
})

test('of rules, demands and limits it tells what they ask', async () => {
  const file = await whole(
    'asking.yaml',
    `workflow: refund_request
rules:
  - id: large
    effect: deny
    when: { refund_amount_usd_gte: 500, any: [{ customer_tier_in: [plus, enterprise] }, { not: { reason_exists: true } }] }
  - { id: most, effect: escalate, when: { cel: "refund_amount_usd > refunded_total_usd" } }
trust: { at_least: { refund_amount_usd: record } }
limits:
  - { id: sum, tool: billing.refund, per: customer, window_minutes: 90, at_most_usd: 200, of: refund_amount_usd, on_reached: deny }
  - { id: odd, tool: billing.refund, per: customer, window_minutes: 2880, score_gte: 3.5, of: refund_amount_usd, warm_up: 5, on_reached: escalate }
`,
  )
  const { stdout } = await countersign(['policy', 'explain', file, '--action', 'billing.refund'], { cwd: folder() })
  expect(stdout).toBe(`billing.refund
  deny: rules.large: refund_amount_usd_gte $500.00 and (customer_tier_in \`plus\`, \`enterprise\` or not (reason_exists true)) (refund_amount_usd, customer_tier, reason)
  escalate: rules.most: \`refund_amount_usd > refunded_total_usd\` (refund_amount_usd, refunded_total_usd)
  require_approval: trust.at_least.refund_amount_usd: record (refund_amount_usd)
  deny: limits.sum: at_most_usd $200.00 within 90 minutes (customer, refund_amount_usd)
  escalate: limits.odd: score_gte 3.5 within 2 days (customer, refund_amount_usd)
`)
})
