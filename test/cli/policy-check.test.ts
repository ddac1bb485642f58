import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { countersign, useFolder } from './cli.ts'

const folder = useFolder()
const shipped = join(import.meta.dirname, '..', '..', 'policies', 'refund-request.yaml')
const DIGEST = /sha256:[0-9a-f]{64}/

const check = (files: readonly string[]) => countersign(['policy', 'check', ...files], { cwd: folder() })

test('the shipped policies are in order: their files, workflows and digests, exit code 0', async () => {
  const { code, stdout, stderr } = await check([])
  expect(stderr).toBe('')
  const line = (slug: string) => `ok  \\S*policies/${slug}\\.yaml +${slug.replaceAll('-', '_')} +${DIGEST.source}\n`
  expect(stdout).toMatch(new RegExp(`^${line('refund-request')}${line('support-request')}$`))
  expect(code).toBe(0)
})

/** What is wrong, the text, and what stands on stderr, exactly. */
const BROKEN: readonly (readonly [string, string, string])[] = [
  [
    'an unknown workflow',
    'workflow: refund_reqest\n',
    'p.yaml:1:11 unknown workflow `refund_reqest`.\n  did you mean `refund_request`?\n',
  ],
  [
    'an unknown fact',
    'workflow: refund_request\ndeny_if:\n  refund_amout_usd_gte: 5\n',
    'p.yaml:3:3 unknown fact `refund_amout_usd` in deny_if.\n  did you mean `refund_amount_usd`?\n',
  ],
  [
    'a duplicate key',
    'workflow: refund_request\nmax_tool_calls: 1\nmax_tool_calls: 2\n',
    'p.yaml:3:1 duplicate key `max_tool_calls`.\n  keep one of the two.\n',
  ],
  [
    'a negative budget',
    'workflow: refund_request\nmodel_budget_usd: -1\n',
    'p.yaml:2:19 `model_budget_usd` must be an amount of US dollars from 0 to 999999999 with at most six decimals, ' +
      'got `-1`.\n  write it such as `0.20`.\n',
  ],
  [
    'an empty needle',
    'workflow: refund_request\ndeny_if:\n  reason_contains: [""]\n',
    'p.yaml:3:21 `deny_if.reason_contains` looks for an empty text.\n  every text holds it; fill it in or take it out.\n',
  ],
  [
    'two documents',
    'workflow: refund_request\n---\nworkflow: refund_request\n',
    'p.yaml:2:1 a second document.\n  a policy file holds one; take out the `---`.\n',
  ],
  [
    'what is not YAML',
    'workflow: [\n',
    'p.yaml:2:1 not YAML: Flow sequence in block collection must be sufficiently indented and end with a ].\n' +
      '  see docs/writing-a-policy.md for the form of a policy.\n',
  ],
]

test.concurrent.each(BROKEN)('%s is told with its place and what to do, exit code 3', async (what, text, said) => {
  const own = join(folder(), what.replaceAll(' ', '-'))
  await mkdir(own)
  await writeFile(join(own, 'p.yaml'), text)
  const { code, stdout, stderr } = await countersign(['policy', 'check', 'p.yaml'], { cwd: own })
  expect(stderr).toBe(said)
  expect(stdout).toBe('')
  expect(code).toBe(3)
})

test('of a file whose name is mistyped the one is named that is there', async () => {
  await writeFile(join(folder(), 'refund-request.yaml'), await readFile(shipped))
  expect(await check(['refund-reqest.yaml'])).toMatchObject({
    code: 3,
    stderr: 'refund-reqest.yaml does not exist.\n  did you mean `refund-request.yaml`?\n',
  })
})

test('every problem of every file is told, and the good file is still listed', async () => {
  await writeFile(join(folder(), 'p.yaml'), 'workflow: refund_request\nmax_tool_calls: many\nrollbak: {}\n')
  await writeFile(join(folder(), 'good.yaml'), await readFile(shipped))
  const { code, stdout, stderr } = await check(['p.yaml', 'missing.yaml', 'good.yaml'])
  expect(stderr).toContain('p.yaml:2:')
  expect(stderr).toContain('p.yaml:3:')
  expect(stderr).toContain('missing.yaml does not exist.\n  check its name.\n')
  expect(stdout).toMatch(/^ok {2}good\.yaml {2}refund_request {2}sha256:/)
  expect(code).toBe(3)
})

test('--json lists each file with its digest or its problems', async () => {
  await writeFile(join(folder(), 'p.yaml'), 'workflow: refund_reqest\n')
  await writeFile(join(folder(), 'good.yaml'), await readFile(shipped))
  const { code, stdout } = await countersign(['policy', 'check', '--json', 'p.yaml', 'good.yaml'], { cwd: folder() })
  expect(JSON.parse(stdout)).toEqual({
    files: [
      {
        file: 'p.yaml',
        ok: false,
        workflow: null,
        digest: null,
        problems: [
          {
            code: 'policy_invalid',
            file: 'p.yaml',
            line: 1,
            column: 11,
            message: 'unknown workflow `refund_reqest`.',
            help: 'did you mean `refund_request`?',
          },
        ],
      },
      { file: 'good.yaml', ok: true, workflow: 'refund_request', digest: expect.stringMatching(DIGEST), problems: [] },
    ],
  })
  expect(code).toBe(3)
})

test('a warning is told with its place, and keeps nothing from being used: exit code 0', async () => {
  await writeFile(
    join(folder(), 'doubtful.yaml'),
    'workflow: refund_request\nrequires_approval_if:\n  refund_amount_usd_lt: 50\ndeny_if:\n  refund_amount_usd_gt: 50\n',
  )
  const { code, stdout, stderr } = await check(['doubtful.yaml'])
  expect(stderr).toBe(
    'doubtful.yaml:5:3 warning: `requires_approval_if.refund_amount_usd_lt` and `deny_if.refund_amount_usd_gt` leave a ' +
      'gap: refund_amount_usd $50.00 is decided allow, $49.99 require_approval and $50.01 deny.\n' +
      '  let one of the thresholds take it in: `_lte` for `_lt`, or `_gte` for `_gt`.\n',
  )
  expect(stdout).toMatch(/^ok {2}doubtful\.yaml {2}refund_request {2}sha256:/)
  expect(code).toBe(0)
})

test('a candidate is checked as a policy is, and listed behind it; a wrong one is exit code 3', async () => {
  const policies = join(folder(), 'policies')
  await cp(dirname(shipped), policies, { recursive: true })
  const candidate = join(policies, 'refund-request.candidate.yaml')
  await cp(shipped, candidate)
  const live = join(import.meta.dirname, '..', 'operating', 'fixtures', 'live', 'countersign.config.ts')
  const run = () =>
    countersign(['policy', 'check', '--config', live], { cwd: folder(), env: { LIVE_POLICIES: policies } })
  const good = await run()
  const names = good.stdout.split('\n').map((line) => line.split(/ +/)[1])
  expect(names).toEqual([
    'policies/refund-request.yaml',
    'policies/refund-request.candidate.yaml',
    'policies/support-request.yaml',
    undefined,
  ])
  expect(good).toMatchObject({ code: 0, stderr: '' })

  await writeFile(candidate, 'workflow: support_request\n')
  await writeFile(join(policies, 'refunds.candidate.yaml'), 'workflow: refund_request\n')
  const bad = await run()
  expect(bad.stderr).toBe(
    'policies/refund-request.candidate.yaml:1:11 `support_request` is another playbook: a file of this name is the policy' +
      ' of `refund_request`.\n  rename it to `support-request.candidate.yaml`, or mend its `workflow`.\n' +
      'policies/refunds.candidate.yaml is the candidate of no playbook.\n' +
      '  name it as the policy, with `.candidate.yaml` at the end.\n',
  )
  expect(bad.code).toBe(3)
})

const ISSUER = (url: string, prefix: string, groups: string): string =>
  `  - issuer: ${url}
    audience: countersign
    algorithms: [ES256]
    subject_prefix: '${prefix}'
    workspace: acme
    claims: { groups: roles }
    groups: ${groups}
`
const IDENTITY =
  'issuers:\n' +
  ISSUER('https://login.acme.example', 'corp:', '{ refund-approvers: /acme/refunds, finance: [/acme/finance] }') +
  ISSUER('https://login.lab.example', 'lab:', '{ finance: money, Legal: law }')
const WITH_GROUPS = `workflow: refund_request
approvals:
  who: [refund-aprovers, finance]
rollback: { enabled: true, window_minutes: 30, who: ["security team"] }
rules:
  - id: large
    effect: require_approval
    when: { refund_amount_usd_gte: 50 }
    approvers:
      - finance
      - legal
    quorum: 2
`
const UNKNOWN =
  'p.yaml:3:9 unknown approver group `refund-aprovers` in approvals.who.\n  did you mean `refund-approvers`?\n' +
  'p.yaml:4:54 unknown approver group `security team` in rollback.who.\n' +
  '  the groups of `identity.yaml` are: `refund-approvers`, `finance`, `Legal`.\n' +
  'p.yaml:11:9 unknown approver group `legal` in rules.large.approvers.\n  did you mean `Legal`?\n'

/** A folder with a policy and a mapping, and what `policy check` says in it. */
async function withMapping(name: string, files: Readonly<Record<string, string>>) {
  const cwd = join(folder(), name)
  await mkdir(cwd)
  for (const [file, text] of Object.entries({ 'p.yaml': WITH_GROUPS, ...files })) await writeFile(join(cwd, file), text)
  return async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    await countersign(['policy', 'check', ...args, 'p.yaml'], { cwd, env })
}

test('approver groups that the mapping of this folder does not make are told by their places: exit code 3', async () => {
  const run = await withMapping('mapped', { 'identity.yaml': IDENTITY })
  expect(await run([])).toEqual({ code: 3, stdout: '', stderr: UNKNOWN })
  const json = await run(['--json'])
  expect(JSON.parse(json.stdout)).toMatchObject({
    files: [
      {
        file: 'p.yaml',
        ok: false,
        workflow: 'refund_request',
        digest: null,
        problems: [
          {
            code: 'policy_invalid',
            file: 'p.yaml',
            line: 3,
            column: 9,
            message: 'unknown approver group `refund-aprovers` in approvals.who.',
            help: 'did you mean `refund-approvers`?',
          },
          { line: 4, column: 54 },
          { line: 11, column: 9 },
        ],
      },
    ],
  })
  const { runs } = JSON.parse((await run(['--sarif'])).stdout) as { runs: readonly { results: readonly unknown[] }[] }
  expect(runs[0]?.results[0]).toMatchObject({
    ruleId: 'policy_invalid',
    level: 'error',
    message: {
      text: 'unknown approver group `refund-aprovers` in approvals.who. did you mean `refund-approvers`?',
    },
    locations: [{ physicalLocation: { region: { startLine: 3, startColumn: 9 } } }],
  })
  expect(runs[0]?.results).toHaveLength(3)
})

test('the mapping is the one that --identity or COUNTERSIGN_IDENTITY names; without any, nothing is said of groups', async () => {
  const run = await withMapping('elsewhere', { 'people.yaml': IDENTITY })
  const said = UNKNOWN.replace('identity.yaml', 'people.yaml')
  expect(await run([])).toMatchObject({ code: 0, stderr: '' })
  expect(await run(['--identity', 'people.yaml'])).toMatchObject({ code: 3, stderr: said })
  expect(await run([], { COUNTERSIGN_IDENTITY: 'people.yaml' })).toMatchObject({ code: 3, stderr: said })
  const all = IDENTITY.replaceAll('Legal', 'legal').replace('money', 'money, refund-aprovers: a, security team: s')
  const good = await withMapping('all-there', { 'identity.yaml': all })
  expect(await good([])).toMatchObject({ code: 0, stderr: '' })
})

test('a mapping that was named and is not there, or is wrong, keeps the check from running: exit code 1', async () => {
  const run = await withMapping('wrong-mapping', { 'identity.yaml': 'issuers: []\n' })
  const wrong = await run([])
  expect(wrong).toMatchObject({ code: 1, stdout: '' })
  expect(wrong.stderr).toContain('identity.yaml:1:10 `issuers` must list 1 to 20 entries, got 0.')
  const missing = await run(['--identity', 'nowhere.yaml'])
  expect(missing).toMatchObject({ code: 1, stdout: '' })
  expect(missing.stderr).toContain('there is no `nowhere.yaml` here')
})

test('a mapping without any group has none of those that a policy names', async () => {
  const bare =
    'issuers:\n' + ISSUER('https://login.acme.example', 'corp:', '{}').replace('    claims: { groups: roles }\n', '')
  const run = await withMapping('bare', { 'identity.yaml': bare })
  expect((await run([])).stderr).toContain(
    'p.yaml:3:26 unknown approver group `finance` in approvals.who.\n  the groups of `identity.yaml` are: none.\n',
  )
})
