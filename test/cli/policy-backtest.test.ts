import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { beforeAll, expect, inject, test } from 'vitest'
import { digestOfText } from '../../src/contract/digest.ts'
import type { OrderOptions } from '../support/orders.ts'
import { until } from '../support/world.ts'
import { countersign, useFolder } from './cli.ts'
import { requestFor, resultOf } from './waiting-run.ts'
import { useWorkerChild } from './worker-child.ts'

const folder = useFolder()
const child = useWorkerChild(folder)
const tried = (file: string, ...args: readonly string[]) =>
  child().run(['policy', 'backtest', file, '--task-queue', child().taskQueue, ...args])

/** A policy in a file, with the first line that a backtest prints of it. */
async function policyIn(file: string, text: string): Promise<string> {
  await writeFile(join(folder(), file), text)
  return `${file}  ${digestOfText(text)}\n`
}
const limit = (dollars: number, more = '') =>
  `workflow: refund_request
requires_approval_if:
  refund_amount_usd_gte: ${dollars}
deny_if:
  reason_contains: fraud
${more}`

async function start(workflowId: string, options: OrderOptions, message?: string) {
  const { request } = await requestFor(child(), options, message)
  const principal = { subject: 'ana@acme.example', workspace: 'acme' }
  return await child().client.start('refund_request', request, { principal, workflowId })
}

/** A run of $120.00 of which somebody decides, or, without a decision, nobody. */
async function asked(workflowId: string, decision?: 'approve' | 'reject') {
  const handle = await start(workflowId, { amountCents: 12_000 })
  const pending = await until('an action that waits', async () => (await handle.status()).pending[0])
  const { step, actionDigest } = pending
  if (decision === undefined) return
  expect(await handle.decide({ step, decision, by: 'bo@acme.example', actionDigest })).toMatchObject({ accepted: true })
  await resultOf(handle)
}

async function ended(workflowId: string, options: OrderOptions, message?: string) {
  await resultOf(await start(workflowId, options, message))
}

beforeAll(async () => {
  await ended('a-small', {})
  await asked('b-approved', 'approve')
  await asked('c-rejected', 'reject')
  await ended('d-fraud', { amountCents: 3_500 }, 'This is fraud, I never bought it. Give me $35.00.')
  await ended('e-euros', { currency: 'EUR' })
  await asked('f-waiting')
})

const UNTOLD =
  'billing.refund  cannot be decided again  1 action  people were asked, and the history does not tell on which facts\n' +
  '  f-waiting  billing.refund-1\n'
const REPLIES = 'helpdesk.reply  allow as before  2 actions\n'

test('a lower limit would have asked for what was allowed', async () => {
  const head = await policyIn('lower.yaml', limit(20))
  expect(await tried('lower.yaml')).toEqual({
    code: 0,
    stdout:
      `${head}6 runs of refund_request\n` +
      'billing.refund  allow → require_approval  1 action  refund_amount_usd $20.00, refunded_total_usd $20.00\n' +
      "  a-small  billing.refund-1  refund_amount_usd is $20.00 (a model's word), at least $20.00 " +
      '(requires_approval_if.refund_amount_usd_gte)\n' +
      'billing.refund  deny as before  2 actions  refund_amount_usd $35.00, refunded_total_usd $35.00\n' +
      'billing.refund  require_approval as before  2 actions  refund_amount_usd $240.00, refunded_total_usd $240.00\n' +
      `${REPLIES}${UNTOLD}7 actions decided again, 1 of them otherwise\n`,
    stderr: '',
  })
})

test('a higher limit would have allowed what people were asked about, also what they said no to', async () => {
  const head = await policyIn('higher.yaml', limit(200))
  const { stdout } = await tried('higher.yaml')
  expect(stdout).toBe(
    `${head}6 runs of refund_request\n` +
      'billing.refund  require_approval → allow  2 actions  refund_amount_usd $240.00, refunded_total_usd $240.00\n' +
      '  b-approved  billing.refund-1  people approved it  no rule\n' +
      '  c-rejected  billing.refund-1  people rejected it  no rule\n' +
      'billing.refund  deny as before  2 actions  refund_amount_usd $35.00, refunded_total_usd $35.00\n' +
      'billing.refund  allow as before  1 action  refund_amount_usd $20.00, refunded_total_usd $20.00\n' +
      `${REPLIES}${UNTOLD}7 actions decided again, 2 of them otherwise\n`,
  )
})

test('deny and escalate are told with what made them so, and --json has every action', async () => {
  const rules = `rules:
  - id: dear
    effect: escalate
    when: { refund_amount_usd_gte: 100 }
    because: dear refunds are made by hand
`
  const text = `workflow: refund_request\ndeny_if:\n  refund_amount_usd_lt: 30\n${rules}`
  await policyIn('rules.yaml', text)
  const { code, stdout } = await tried('rules.yaml', '--json', '--since', '1h')
  expect(code).toBe(0)
  const said = JSON.parse(stdout) as { readonly groups: readonly Readonly<Record<string, unknown>>[] }
  expect(said).toMatchObject({
    policy: { file: 'rules.yaml', workflow: 'refund_request', digest: digestOfText(text) },
    playbook: 'refund_request',
    since: expect.stringMatching(/^\d{4}-.*Z$/),
    until: null,
    runs: 6,
    withoutHistory: 0,
    decided: 7,
    changed: 4,
    undecided: [{ tool: 'billing.refund', count: 1, actions: [{ workflowId: 'f-waiting', step: 'billing.refund-1' }] }],
  })
  const usd = (cents: number) => ({ currency: 'USD', cents })
  expect(said.groups).toMatchObject([
    {
      tool: 'billing.refund',
      before: 'allow',
      after: 'deny',
      count: 1,
      money: { refund_amount_usd: usd(2_000), refunded_total_usd: usd(2_000) },
      actions: [
        {
          workflowId: 'a-small',
          runKey: expect.stringMatching(/^a-small\/[0-9a-f-]{36}$/),
          step: 'billing.refund-1',
          people: null,
          matches: [{ rule: 'deny_if.refund_amount_usd_lt', effect: 'deny', value: usd(2_000), threshold: usd(3_000) }],
        },
      ],
    },
    {
      before: 'require_approval',
      after: 'escalate',
      count: 2,
      money: { refund_amount_usd: usd(24_000) },
      actions: [
        { workflowId: 'b-approved', people: 'approved', matches: [{ rule: 'rules.dear' }] },
        { workflowId: 'c-rejected', people: 'rejected' },
      ],
    },
    { before: 'deny', after: 'allow', count: 1, actions: [{ workflowId: 'd-fraud', matches: [] }] },
    { before: 'deny', after: 'deny', count: 1, actions: [{ workflowId: 'e-euros' }] },
    { tool: 'helpdesk.reply', before: 'allow', after: 'allow', count: 2, money: {} },
  ])
})

test('facts that the candidate asks of and that no run recorded are named, and nothing is guessed', async () => {
  const text = 'workflow: support_request\nrequires_approval_if:\n  reply_unbacked_claim_eq: true\n'
  await policyIn('replies.yaml', text)
  const { stdout } = await tried('replies.yaml', '--playbook', 'refund_request')
  expect(stdout).toContain('6 runs of refund_request\n')
  expect(stdout).toContain('helpdesk.reply  allow as before  2 actions\n')
  expect(await tried('replies.yaml')).toMatchObject({
    code: 0,
    stdout: `replies.yaml  ${digestOfText(text)}\n0 runs of support_request\n0 actions decided again, 0 of them otherwise\n`,
  })
})

test('--since and --until bound when runs began', async () => {
  await policyIn('period.yaml', limit(20))
  const { stdout } = await tried('period.yaml', '--since', '30d', '--until', '1h')
  expect(stdout).toMatch(
    /\n0 runs of refund_request since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n/,
  )
  expect(await tried('period.yaml', '--since', '1h', '--until', '2h')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('error: `--until` is not after `--since`\n'),
  })
})

test('exported histories need neither Temporal nor a database', async () => {
  const head = await policyIn('export.yaml', limit(20))
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  const exported = async (workflowId: string): Promise<string> => {
    const history = await new Client({ connection }).workflow.getHandle(workflowId).fetchHistory()
    await writeFile(join(folder(), `${workflowId}.json`), historyToJSON(history))
    return `${workflowId}.json`
  }
  const files = [await exported('a-small'), await exported('c-rejected')]
  await connection.close()
  const args = ['policy', 'backtest', 'export.yaml', ...files.flatMap((file) => ['--history', file])]
  expect(await countersign(args, { cwd: folder() })).toEqual({
    code: 0,
    stdout:
      `${head}2 runs of refund_request\n` +
      'billing.refund  allow → require_approval  1 action  refund_amount_usd $20.00, refunded_total_usd $20.00\n' +
      "  a-small  billing.refund-1  refund_amount_usd is $20.00 (a model's word), at least $20.00 " +
      '(requires_approval_if.refund_amount_usd_gte)\n' +
      'billing.refund  require_approval as before  1 action  refund_amount_usd $120.00, refunded_total_usd $120.00\n' +
      'helpdesk.reply  allow as before  1 action\n' +
      '3 actions decided again, 1 of them otherwise\n',
    stderr: '',
  })
  expect(await countersign([...args, '--playbook', 'support_request'], { cwd: folder() })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      'error: `a-small.json` is of a run of `refund_request`, not of `support_request`\n',
    ),
  })
  expect(await countersign([...args, '--since', '1h'], { cwd: folder() })).toMatchObject({ code: 2, stdout: '' })
})

test('the first twenty actions of a kind are listed, and all of them in JSON', async () => {
  await policyIn('many.yaml', limit(20))
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  const history = historyToJSON(await new Client({ connection }).workflow.getHandle('a-small').fetchHistory())
  await connection.close()
  const ids = Array.from({ length: 25 }, (_, at) => `copy-${String(at).padStart(2, '0')}`)
  for (const id of ids) await writeFile(join(folder(), `${id}.json`), history.replaceAll('"a-small"', `"${id}"`))
  const args = ['policy', 'backtest', 'many.yaml', ...ids.flatMap((id) => ['--history', `${id}.json`])]
  const { stdout } = await countersign(args, { cwd: folder() })
  const lines = stdout.split('\n')
  expect(lines.slice(1, 3)).toEqual([
    '25 runs of refund_request',
    'billing.refund  allow → require_approval  25 actions  refund_amount_usd $500.00, refunded_total_usd $500.00',
  ])
  const told = (line: string): string => /^ {2}(copy-\d\d) {2}/.exec(line)?.[1] ?? ''
  expect(lines.slice(3, 23).map(told)).toEqual(ids.slice(0, 20))
  expect(lines.slice(23)).toEqual([
    '  and 5 more: --json lists all',
    'helpdesk.reply  allow as before  25 actions',
    '50 actions decided again, 25 of them otherwise',
    '',
  ])
  const json = await countersign([...args, '--json'], { cwd: folder() })
  const { groups } = JSON.parse(json.stdout) as { groups: { actions: { workflowId: string }[] }[] }
  expect(groups[0]?.actions.map(({ workflowId }) => workflowId)).toEqual(ids)
})

test('a candidate that does not load is refused with all of its problems: exit code 3', async () => {
  await policyIn('broken.yaml', 'workflow: refund_request\nmax_tool_calls: many\nrollbak: {}\n')
  expect(await tried('broken.yaml')).toEqual({
    code: 3,
    stdout: '',
    stderr:
      'broken.yaml:2:17 `max_tool_calls` must be a whole number from 0 to 1000000, got `many`.\n  write it in digits.\n' +
      'broken.yaml:3:1 unknown key `rollbak`.\n  did you mean `rollback`?\n',
  })
  await policyIn('sound.yaml', limit(20))
  expect(await tried('sound.yaml', '--playbook', 'refund_reqest')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      'error: there is no playbook `refund_reqest`\n  help  did you mean `refund_request`?\n',
    ),
  })
})
