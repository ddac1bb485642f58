import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatProblem, loadPolicies, loadPolicy } from '../../src/policy/load/index.ts'
import { orderChange, refundRequest } from './fake-playbook.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'policies-'))
})
afterEach(() => rm(dir, { recursive: true }))

const REFUND = 'workflow: refund_request\n'
const CHANGE = 'workflow: order_change\n'

/** The names of the loaded policies, or the problems without the folder. */
const load = async (files: Record<string, string | Uint8Array>): Promise<readonly string[]> => {
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content)
  const loaded = await loadPolicies(dir, [refundRequest, orderChange])
  if (loaded.ok) return [...loaded.policies.keys()]
  return loaded.problems.map((problem) => `${problem.code} ${formatProblem(problem).replaceAll(`${dir}/`, '')}`)
}

test('every playbook gets the policy of its slug', async () => {
  expect(await load({ 'refund-request.yaml': REFUND, 'order-change.yaml': CHANGE })).toEqual([
    'refund_request',
    'order_change',
  ])
  const loaded = await loadPolicies(dir, [refundRequest, orderChange])
  expect(loaded.ok ? loaded.policies.get('refund_request') : loaded.problems).toMatchObject({
    file: join(dir, 'refund-request.yaml'),
    text: REFUND,
    workflow: 'refund_request',
  })
})

test('a missing policy is a problem that names the file to add', async () => {
  expect(await load({ 'refund-request.yaml': REFUND })).toEqual([
    'policy_not_found order-change.yaml does not exist.\n  add it, with `workflow: order_change` in it.',
  ])
})

test('a missing folder misses every policy', async () => {
  const loaded = await loadPolicies(join(dir, 'nowhere'), [refundRequest, orderChange])
  expect(loaded.ok ? [] : loaded.problems.map(({ code }) => code)).toEqual(['policy_not_found', 'policy_not_found'])
})

test('a file that says it is the policy of another playbook is refused', async () => {
  expect(await load({ 'refund-request.yaml': CHANGE, 'order-change.yaml': CHANGE })).toEqual([
    'policy_invalid refund-request.yaml:1:11 `order_change` is another playbook: a file of this name is the policy of' +
      ' `refund_request`.\n  rename it to `order-change.yaml`, or mend its `workflow`.',
  ])
})

test('triggers are checked against the playbook of the file even when its workflow is misspelled', async () => {
  expect(
    await load({
      'refund-request.yaml': 'workflow: refund\ndeny_if: {reason_contans: x}\n',
      'order-change.yaml': CHANGE,
    }),
  ).toEqual([
    'policy_invalid refund-request.yaml:1:11 unknown workflow `refund`.\n  did you mean `refund_request`?',
    'policy_invalid refund-request.yaml:2:11 unknown operator `contans` of `reason` in deny_if.\n  did you mean `contains`?',
  ])
})

test('a further file is a problem only when it names no known playbook', async () => {
  expect(
    await load({
      'refund-request.yaml': REFUND,
      'order-change.yaml': CHANGE,
      'refund-request.cases.yaml': '[]',
      'refund-request-strict.yaml': `${REFUND}half_written: 1\n`,
      'README.md': 'text',
      '.hidden.yaml': 'workflow: x',
      'payroll.yaml': 'workflow: payroll\n',
      'broken.yml': 'workflow: [\n',
    }),
  ).toEqual([
    'policy_invalid broken.yml:2:1 not YAML: Flow sequence in block collection must be sufficiently indented and end' +
      ' with a ].\n  see docs/writing-a-policy.md for the form of a policy.',
    'policy_invalid payroll.yaml:1:11 unknown workflow `payroll`.\n' +
      '  the known playbooks are: `refund_request`, `order_change`.',
  ])
})

test('what is no text file is refused with the reason', async () => {
  await mkdir(join(dir, 'order-change.yaml'))
  expect(await load({ 'refund-request.yaml': Buffer.from(REFUND, 'utf16le').fill(0xff, 0, 1) })).toEqual([
    'policy_invalid refund-request.yaml is not UTF-8.\n  save it as UTF-8 without a byte order mark.',
    'policy_invalid order-change.yaml is not a file.\n  put the policy there.',
  ])
  await rm(join(dir, 'order-change.yaml'), { recursive: true })
  expect(await load({ 'refund-request.yaml': `\ufeff${REFUND}`, 'order-change.yaml': 'x'.repeat(70_000) })).toEqual([
    'policy_invalid refund-request.yaml:1:1 the file starts with a byte order mark.\n  save it as UTF-8 without one.',
    'policy_invalid order-change.yaml is longer than 65536 bytes.\n  keep all but the policy elsewhere.',
  ])
})

test('a file that cannot be opened is named, with the reason', async () => {
  const loaded = await loadPolicy(join(dir, `${'x'.repeat(300)}.yaml`), [refundRequest])
  expect(loaded).toMatchObject({
    ok: false,
    problems: [{ code: 'policy_invalid', message: 'cannot be read: ENAMETOOLONG.', help: 'check its permissions.' }],
  })
})

test('a candidate is the policy of no playbook, and what is wrong with it keeps no policy from being used', async () => {
  const files = { 'refund-request.yaml': REFUND, 'order-change.yaml': CHANGE }
  const candidate = `${REFUND}max_tool_calls: 3\n`
  expect(await load({ ...files, 'refund-request.candidate.yaml': candidate })).toEqual([
    'refund_request',
    'order_change',
  ])
  const loaded = await loadPolicies(dir, [refundRequest, orderChange])
  expect([...loaded.candidates]).toMatchObject([['refund_request', { text: candidate, policy: { maxToolCalls: 3 } }]])
  expect(loaded.ok && loaded.policies.get('refund_request')?.text).toBe(REFUND)

  await load({ 'refund-request.candidate.yaml': CHANGE, 'payroll.candidate.yaml': REFUND })
  const broken = await loadPolicies(dir, [refundRequest, orderChange])
  expect(broken).toMatchObject({ ok: true, candidates: new Map() })
  expect(broken.candidateProblems.map((problem) => formatProblem(problem).replaceAll(`${dir}/`, ''))).toEqual([
    'payroll.candidate.yaml is the candidate of no playbook.\n' +
      '  name it as the policy, with `.candidate.yaml` at the end.',
    'refund-request.candidate.yaml:1:11 `order_change` is another playbook: a file of this name is the policy of' +
      ' `refund_request`.\n  rename it to `order-change.candidate.yaml`, or mend its `workflow`.',
  ])
})
