import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countersign, useFolder } from './cli.ts'

const folder = useFolder()
const shipped = join(import.meta.dirname, '..', '..', 'policies', 'refund-request')
const policy = await readFile(`${shipped}.yaml`, 'utf8')
const table = await readFile(`${shipped}.cases.yaml`, 'utf8')

/** Runs `policy test` on a folder of its own with these files. */
async function tested(name: string, files: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const own = join(folder(), name)
  await mkdir(own)
  for (const [file, text] of Object.entries(files)) await writeFile(join(own, file), text)
  return await countersign(['policy', 'test', name, ...args], { cwd: folder() })
}

test('the shipped tables come out as they say, and cover every rule: exit code 0', async () => {
  expect(await countersign(['policy', 'test'], { cwd: folder() })).toEqual({
    code: 0,
    stdout: '23 cases, each as expected\n',
    stderr: '',
  })
})

test('a policy that was changed fails the cases that it answers otherwise, each on one line: exit code 3', async () => {
  const files = {
    'p.yaml': policy.replace('_gte: 50', '_gte: 20').replace('"fraud"', '"fraudulent"'),
    'p.cases.yaml': table,
  }
  const stdout =
    'changed/p.cases.yaml:3:3 a small refund goes through by itself: ' +
    'expected allow (no rule), got require_approval (requires_approval_if.refund_amount_usd_gte)\n' +
    'changed/p.cases.yaml:8:3 one cent below the limit goes through: ' +
    'expected allow (no rule), got require_approval (requires_approval_if.refund_amount_usd_gte)\n' +
    'changed/p.cases.yaml:33:3 fraud is refused: ' +
    'expected deny (deny_if.reason_contains), got require_approval (requires_approval_if.refund_amount_usd_gte)\n' +
    'changed/p.cases.yaml:38:3 chargeback retaliation is refused: ' +
    'expected deny (deny_if.reason_contains), ' +
    'got deny (deny_if.reason_contains, requires_approval_if.refund_amount_usd_gte)\n'
  const ran = await tested('changed', files)
  expect(ran.stdout.startsWith(stdout)).toBe(true)
  expect(ran.stdout.endsWith('\n14 cases, 7 not as expected\n')).toBe(true)
  expect(ran).toMatchObject({ code: 3, stderr: '' })
})

test('a candidate is tried by a table of its own, and without one nothing is said of it', async () => {
  const candidate = policy.replace('_gte: 50', '_gte: 20')
  const files = { 'refund-request.yaml': policy, 'refund-request.cases.yaml': table }
  const without = { ...files, 'refund-request.candidate.yaml': candidate }
  expect(await tested('untried', without)).toEqual({ code: 0, stdout: '14 cases, each as expected\n', stderr: '' })
  const row =
    '- name: thirty dollars\n  tool: billing.refund\n  facts: { refund_amount_usd: 30, customer_tier: plus, reason: late }\n' +
    '  decision: allow\n  rules: []\n'
  const ran = await tested('tried', { ...without, 'refund-request.candidate.cases.yaml': row })
  expect(ran.stdout).toContain(
    'tried/refund-request.candidate.cases.yaml:1:3 thirty dollars: expected allow (no rule), got require_approval',
  )
  expect(ran.code).toBe(3)
})

test('what no case covers is told, and is no failure', async () => {
  const row = '- name: a reply goes out\n  tool: helpdesk.reply\n  facts: {}\n  decision: allow\n  rules: []\n'
  expect(await tested('uncovered', { 'p.yaml': policy, 'p.cases.yaml': row })).toEqual({
    code: 0,
    stdout:
      'uncovered/p.yaml no case covers deny_if.reason_contains\n' +
      'uncovered/p.yaml no case covers requires_approval_if.refund_amount_usd_gte\n' +
      'uncovered/p.yaml no case covers requires_approval_if.customer_tier_in\n' +
      '1 case, each as expected\n',
    stderr: '',
  })
})

test('a policy without a table is told, and that nothing was tried is no yes', async () => {
  const missing =
    'p.cases.yaml warning: does not exist, so nothing is tried.\n  add it; see docs/writing-a-policy.md.\n'
  const one = await tested('without', { 'p.yaml': policy })
  expect(one.stderr).toBe(`without/${missing}`)
  expect(one.stdout.endsWith('\nno case was run\n')).toBe(true)
  expect(one.code).toBe(3)
  const two = await tested('one-without', { 'p.yaml': policy, 'q.yaml': policy, 'q.cases.yaml': table })
  expect(two).toMatchObject({ code: 0, stderr: `one-without/${missing}` })
})

test('malformed tables, tables of no policy and policies that do not load are told: exit code 3', async () => {
  const ran = await tested('malformed', {
    'a.yaml': policy,
    'a.cases.yaml': table.replace('tool: billing.refund', 'tool: billing.refunds'),
    'b.yaml': policy,
    'b.cases.yaml': table.replace('customer_tier: standard', 'customer_teir: standard'),
    'c.yaml': policy,
    'c.cases.yaml': table.replace('20.00', '20.001'),
    'd.yaml': policy,
    'd.cases.yaml': table.replace('rules: [deny_if.reason_contains]', 'rules: [deny_if.reason_contain]'),
    'e.yaml': 'workflow: refund_reqest\n',
    'e.cases.yaml': table,
    'f.cases.yaml': table,
    'g.yaml': policy,
    'g.cases.yaml': table,
  })
  expect(ran.stderr).toBe(
    'malformed/a.cases.yaml:4:9 unknown tool `billing.refunds`.\n  did you mean `billing.refund`?\n' +
      'malformed/b.cases.yaml:5:38 unknown fact `customer_teir` of `billing.refund`.\n' +
      '  did you mean `customer_tier`?\n' +
      'malformed/c.cases.yaml:5:31 `cases[0].facts.refund_amount_usd` must be an amount of USD with at most two ' +
      'decimals, got `20.001`.\n  write it such as `49.99`.\n' +
      'malformed/d.cases.yaml:37:11 unknown rule `deny_if.reason_contain`.\n  did you mean `deny_if.reason_contains`?\n' +
      'malformed/e.yaml:1:11 unknown workflow `refund_reqest`.\n  did you mean `refund_request`?\n' +
      'malformed/f.cases.yaml is the table of no policy: there is no `malformed/f.yaml`.\n  rename or remove it.\n',
  )
  expect(ran).toMatchObject({ code: 3, stdout: '14 cases, each as expected\n' })
})

test('--json lists each case with what it expects and what it got', async () => {
  const row = (tool: string) => `- name: ${tool}\n  tool: ${tool}\n  facts: {}\n  decision: allow\n  rules: []\n`
  const files = { 'p.yaml': policy, 'p.cases.yaml': row('helpdesk.reply') + row('billing.refund') }
  const { code, stdout } = await tested('json', files, '--json')
  const uncovered = [
    'deny_if.reason_contains',
    'requires_approval_if.refund_amount_usd_gte',
    'requires_approval_if.customer_tier_in',
  ]
  expect(JSON.parse(stdout)).toEqual({
    cases: 2,
    failed: 1,
    policies: [
      {
        file: 'json/p.yaml',
        table: 'json/p.cases.yaml',
        workflow: 'refund_request',
        cases: [
          {
            name: 'helpdesk.reply',
            tool: 'helpdesk.reply',
            line: 1,
            column: 3,
            ok: true,
            expected: { decision: 'allow', rules: [] },
            got: { decision: 'allow', rules: [] },
          },
          {
            name: 'billing.refund',
            tool: 'billing.refund',
            line: 6,
            column: 3,
            ok: false,
            expected: { decision: 'allow', rules: [] },
            got: { decision: 'deny', rules: uncovered },
          },
        ],
        uncovered,
        problems: [],
      },
    ],
  })
  expect(code).toBe(3)
})

test('a folder without policies is a usage error', async () => {
  expect(await tested('empty', {})).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('error: there is no policy in `empty`\n'),
  })
  expect(await countersign(['policy', 'test', 'nowhere'], { cwd: folder() })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('error: `nowhere` cannot be read: ENOENT\n'),
  })
})
