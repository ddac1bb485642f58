import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countersign, useFolder } from './cli.ts'

const folder = useFolder()
const shipped = join(import.meta.dirname, '..', '..', 'policies', 'refund-request.yaml')
const TEXTS = 'texts: every word that is looked for counts as found or not found, independently of the others.\n'

/** Compares the shipped policy with what becomes of it. */
async function diffTo(name: string, change: (text: string) => string, ...more: readonly string[]) {
  await writeFile(join(folder(), `${name}.yaml`), change(await readFile(shipped, 'utf8')))
  return await countersign(['policy', 'diff', shipped, `${name}.yaml`, ...more], { cwd: folder() })
}

test('a raised threshold is told as the region that is let through, with an example, exit code 3', async () => {
  const { code, stdout, stderr } = await diffTo('raised', (text) => text.replace('_gte: 50', '_gte: 100'))
  expect(stderr).toBe('')
  expect(stdout).toBe(
    'billing.refund: refund_amount_usd $50.00 to $99.99, customer_tier standard or plus, reason not containing ' +
      '`chargeback retaliation` or `fraud`: require_approval → allow\n' +
      `  such as refund_amount_usd $50.00, customer_tier standard, reason \`something else\`\n${TEXTS}`,
  )
  expect(code).toBe(3)
})

test('what is let through comes first, then what no longer is, then the settings', async () => {
  const { code, stdout } = await diffTo('mixed', (text) =>
    text
      .replace('["chargeback retaliation", "fraud"]', '["fraud"]')
      .replace('customer_tier_in: ["enterprise"]', 'customer_tier_in: ["plus", "enterprise"]')
      .replace('0.20', '0.35')
      .replace('max_tool_calls: 5\n', 'approvals: { on_timeout: refuse }\ntrust: { at_least: { reason: request } }\n')
      .replace('window_minutes: 30', 'window_minutes: 45')
      .replace('log_level: "evidence"', 'log_level: standard'),
  )
  const lines = stdout.split('\n')
  expect(lines.filter((line) => line.includes('→')).map((line) => line.replace(/^billing\.refund: .*: /, ''))).toEqual([
    'deny → require_approval',
    'allow → require_approval',
    'model_budget_usd: $0.2 → $0.35',
    'max_tool_calls: 5 → none',
    'approvals.on_timeout: escalate → refuse',
    'audit.log_level: evidence → standard',
    'rollback.window_minutes: 30 → 45',
    'trust.on_less: none → require_approval',
    'trust.at_least.reason: none → request',
  ])
  expect(lines[0]).toBe(
    'billing.refund: refund_amount_usd known, customer_tier known, reason containing `chargeback retaliation` and not ' +
      'containing `fraud`: deny → require_approval',
  )
  expect(code).toBe(3)
})

test('other words, order and comments are no difference of meaning, exit code 0', async () => {
  const { code, stdout, stderr } = await diffTo(
    'reworded',
    (text) =>
      `# Looked at in spring.\n${text.replace('["chargeback retaliation", "fraud"]', '["FRAUD", "Chargeback  Retaliation"]')}`,
  )
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `no difference of meaning\n${TEXTS}`, stderr: '' })
})

test('a policy does not differ from itself', async () => {
  const { code, stdout } = await countersign(['policy', 'diff', shipped, shipped], { cwd: folder() })
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'no difference of meaning\n' })
})

test('of a policy that is too large to be looked at whole, that is said, and what changed is still found', async () => {
  const rules = (cents: string): string =>
    Array.from(
      { length: 14 },
      (_, at) =>
        `  - { id: r${at}, effect: deny, when: { refund_amount_usd_gte: ${at}${at === 9 ? cents : ''}, refunded_total_usd_lt: ` +
        `${at + 20}, customer_tier_eq: plus, reason_contains: "word${at % 9}." } }\n`,
    ).join('')
  const before = `workflow: support_request\nrules:\n${rules('')}`
  await writeFile(join(folder(), 'large.yaml'), before)
  await writeFile(join(folder(), 'larger.yaml'), before.replace(rules(''), rules('.50')))
  const { code, stdout } = await countersign(['policy', 'diff', 'large.yaml', 'larger.yaml'], { cwd: folder() })
  expect(stdout).toContain('refund_amount_usd $9.00 to $9.49')
  expect(stdout).toMatch(
    /\nbilling\.refund: inexact: \d+ of \d+ combinations were looked at, with the facts together that rules combine\. Each line is so of its example; more may differ\.\n$/,
  )
  expect(code).toBe(3)
})

test('--json gives regions with their ranges and witnesses, and the settings', async () => {
  const { code, stdout } = await diffTo(
    'as-json',
    (text) => text.replace('_gte: 50', '_gt: 50').replace('enabled: true', 'enabled: false'),
    '--json',
  )
  const words = ['chargeback retaliation', 'fraud']
  expect(JSON.parse(stdout)).toEqual({
    same: false,
    exact: true,
    regions: [
      {
        tool: 'billing.refund',
        from: 'require_approval',
        to: 'allow',
        requires: { from: [{ groups: [], quorum: 1 }], to: [] },
        where:
          'refund_amount_usd $50.00, customer_tier standard or plus, reason not containing `chargeback retaliation` or `fraud`',
        facts: [
          {
            fact: 'refund_amount_usd',
            notKnown: false,
            anyKnown: false,
            ranges: [{ from: 5_000, to: 5_000, fromIncluded: true, toIncluded: true }],
            values: [],
            texts: [],
          },
          {
            fact: 'customer_tier',
            notKnown: false,
            anyKnown: false,
            ranges: [],
            values: ['standard', 'plus'],
            texts: [],
          },
          {
            fact: 'reason',
            notKnown: false,
            anyKnown: false,
            ranges: [],
            values: [],
            texts: [{ are: [], areNot: [{ relation: 'contains', anyOf: words }] }],
          },
        ],
        witness: {
          refund_amount_usd: { currency: 'USD', cents: 5_000 },
          customer_tier: 'standard',
          reason: 'something else',
        },
      },
    ],
    settings: [
      { setting: 'rollback.enabled', from: 'true', to: 'false' },
      { setting: 'rollback.window_minutes', from: '30', to: '0' },
    ],
    notes: [TEXTS.trim()],
  })
  expect(code).toBe(3)
})

test('policies of two playbooks cannot be compared: exit code 2', async () => {
  const other = join(shipped, '..', 'support-request.yaml')
  const { code, stdout, stderr } = await countersign(['policy', 'diff', shipped, other], { cwd: folder() })
  expect(stderr).toBe(
    'error: the policies are of two playbooks, `refund_request` and `support_request`\n' +
      '  help  Compare policies with the same `workflow`.\n  code  usage\n',
  )
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

test('a policy that is not in order is not compared: its problems, exit code 1', async () => {
  const { code, stdout, stderr } = await diffTo('broken', (text) =>
    text.replace('max_tool_calls: 5', 'max_tool_calls: x'),
  )
  expect(stderr).toBe(
    'broken.yaml:3:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `x`.\n  write it in digits.\n',
  )
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
})

test('limits over time are compared as settings, and it says that they are in no region', async () => {
  const limit = (most: number): string => `limits:
  - { id: daily, tool: billing.refund, per: customer, window_minutes: 1440, at_most_usd: ${most}, of: refund_amount_usd, on_reached: deny }
`
  const { code, stdout } = await diffTo('limits', (text) => `${text}${limit(200)}`)
  const inNoRegion = `${TEXTS}limits.daily: decided by what the ledger has, so in no region above.\n`
  expect({ code, stdout }).toEqual({ code: 3, stdout: `limits.daily: added\n${inNoRegion}` })
  await writeFile(join(folder(), 'limits.yaml'), `${await readFile(shipped, 'utf8')}${limit(200)}`)
  await writeFile(join(folder(), 'more.yaml'), `${await readFile(shipped, 'utf8')}${limit(300)}`)
  const raised = await countersign(['policy', 'diff', 'limits.yaml', 'more.yaml'], { cwd: folder() })
  expect(raised.stdout).toBe(`limits.daily.at_most_usd: $200.00 → $300.00\n${inNoRegion}`)
  const added = await countersign(['policy', 'diff', shipped, 'limits.yaml', '--json'], { cwd: folder() })
  expect(JSON.parse(added.stdout)).toMatchObject({
    settings: [
      {
        setting: 'limits.daily',
        from: 'none',
        to: 'tool billing.refund, per customer, window_minutes 1440, on_reached deny, of refund_amount_usd, at_most_usd $200.00',
      },
    ],
  })
})

test('a limit that is removed and a ceiling that is raised come before the other settings', async () => {
  const daily =
    'limits: [{ id: daily, tool: billing.refund, per: customer, window_minutes: 60, at_most: 3, on_reached: deny }]\n'
  const before = `${await readFile(shipped, 'utf8')}${daily}`
  await writeFile(join(folder(), 'limited.yaml'), before)
  const after = before.replace(daily, '').replace('0.20', '0.10').replace('calls: 5', 'calls: 6')
  await writeFile(join(folder(), 'unlimited.yaml'), after)
  const { code, stdout } = await countersign(['policy', 'diff', 'limited.yaml', 'unlimited.yaml'], { cwd: folder() })
  expect(stdout.split('\n').filter((line) => /^\S+: /.test(line) && !/^texts|no region/.test(line))).toEqual([
    'max_tool_calls: 5 → 6',
    'limits.daily: removed',
    'model_budget_usd: $0.2 → $0.1',
  ])
  expect(code).toBe(3)
})

/** What reads alike when it is written in one line, and the line that tells it. */
const ALIKE: readonly (readonly [string, string, string, string])[] = [
  [
    'one approver group whose name has a comma, and two groups',
    'approvals: { who: ["finance, legal"] }\n',
    'approvals: { who: [finance, legal] }\n',
    'approvals.who: `finance, legal` → finance, legal',
  ],
  [
    'an approver group called `anybody`, and no group',
    'approvals: { who: [anybody] }\n',
    '',
    'approvals.who: `anybody` → anybody',
  ],
  [
    'one group of undoers whose name has a comma, and two groups',
    'who: ["finance, legal"]',
    'who: [finance, legal]',
    'rollback.who: `finance, legal` → finance, legal',
  ],
  ['a group of undoers called `anybody`, and no group', 'who: [anybody]', '', 'rollback.who: `anybody` → anybody'],
  ['an export to `none`, and no export', 'export: none', '', 'audit.export: `none` → none'],
  [
    'one field to be blacked out whose name has a comma, and two',
    'redaction: ["a, b"]',
    'redaction: [a, b]',
    'audit.redaction: `a, b` → a, b',
  ],
  [
    'a rule that says `none`, and one that says nothing',
    'rules: [{ id: large, effect: deny, when: { refund_amount_usd_gte: 900 }, because: none }]\n',
    'rules: [{ id: large, effect: deny, when: { refund_amount_usd_gte: 900 } }]\n',
    'rules.large.because: `none` → none',
  ],
]

test.each(ALIKE)('%s differ', async (what, one, other, line) => {
  const text = (await readFile(shipped, 'utf8')).replace(/^ export: .*\n/m, '')
  const set = (setting: string): string => {
    if (setting.startsWith('who')) return text.replace('minutes: 30', `minutes: 30\n ${setting}`)
    return setting.endsWith('\n') ? `${text}${setting}` : text.replace('audit:', `audit:\n ${setting}`)
  }
  const [before, after] = [`${what}.yaml`, `${what} then.yaml`]
  await writeFile(join(folder(), before), set(one))
  await writeFile(join(folder(), after), set(other))
  const { code, stdout } = await countersign(['policy', 'diff', before, after], { cwd: folder() })
  expect({ code, stdout: stdout.replace(TEXTS, '') }).toEqual({ code: 3, stdout: `${line}\n` })
  const back = await countersign(['policy', 'diff', after, before], { cwd: folder() })
  expect(back.code).toBe(3)
})

const LARGE = `rules:
  - id: large
    effect: require_approval
    when: { refund_amount_usd_gte: 500 }
    approvers: [refund-approvers, finance]
    quorum: 2
`

test('other people who approve are told: of a rule as its setting and by region, of `approvals` as one list', async () => {
  await writeFile(join(folder(), 'asked.yaml'), `${await readFile(shipped, 'utf8')}${LARGE}`)
  const from = async (change: (text: string) => string) => {
    await writeFile(join(folder(), 'asked-then.yaml'), change(await readFile(join(folder(), 'asked.yaml'), 'utf8')))
    const { stdout } = await countersign(['policy', 'diff', 'asked.yaml', 'asked-then.yaml'], { cwd: folder() })
    return stdout
      .replace(TEXTS, '')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('  such as'))
  }
  const large =
    'billing.refund: refund_amount_usd $500.00 or more, customer_tier known, reason not containing ' +
    '`chargeback retaliation` or `fraud`: '
  expect(await from((text) => text.replace('quorum: 2', 'quorum: 1'))).toEqual([
    `${large}require_approval by 2 of finance, refund-approvers → require_approval by 1 of finance, refund-approvers`,
    'rules.large.quorum: 2 → 1',
  ])
  expect(await from((text) => text.replace('    approvers: [refund-approvers, finance]\n', ''))).toEqual([
    `${large}require_approval by 2 of finance, refund-approvers → require_approval by 2 other than the requester`,
    'rules.large.approvers: finance, refund-approvers → anybody',
  ])
  expect(await from((text) => text.replace('gte: 500', 'gte: 5000'))).toEqual([
    `${large.replace('$500.00 or more', '$500.00 to $4,999.99')}require_approval by 2 of finance, refund-approvers → ` +
      'require_approval by 1 other than the requester',
  ])
  expect(await from((text) => `${text}approvals: { who: [support, finance], quorum: 3, unsigned: accept }\n`)).toEqual([
    'approvals.quorum: 1 → 3',
    'approvals.unsigned: refuse → accept',
    'approvals.who: anybody → finance, support',
  ])
  expect(await from((text) => text.replace('minutes: 30', 'minutes: 30\n who: [support]'))).toEqual([
    'rollback.who: anybody → support',
  ])
})

test('demands on evidence are told as settings', async () => {
  const { stdout } = await diffTo(
    'evidence',
    (text) => `${text}evidence: [{ kind: record, risk: high, fresh_minutes: 60 }, { kind: record }]\n`,
  )
  expect(stdout.replace(TEXTS, '')).toBe(
    'evidence.record from high risk: none → at most 60 minutes old\nevidence.record from low risk: none → of any age\n',
  )
})

test('who has to approve anyway, in another order or written out, is no difference of meaning', async () => {
  const usual = 'approvals: { who: [finance, support], quorum: 1, unsigned: refuse }\n'
  const others =
    '  - { id: also, effect: require_approval, when: { refund_amount_usd_gte: 900 }, approvers: [finance] }\n'
  const before = `${await readFile(shipped, 'utf8')}${usual}${LARGE}${others}`
  await writeFile(join(folder(), 'usual.yaml'), before)
  const after = before
    .replace(usual, 'approvals: { who: [support, finance] }\n')
    .replace('[refund-approvers, finance]', '[finance, refund-approvers]')
    .replace('approvers: [finance] }', 'approvers: [finance], quorum: 1 }')
  await writeFile(join(folder(), 'written-out.yaml'), after)
  const { code, stdout } = await countersign(['policy', 'diff', 'usual.yaml', 'written-out.yaml'], { cwd: folder() })
  expect({ code, stdout }).toEqual({ code: 0, stdout: `no difference of meaning\n${TEXTS}` })
})
