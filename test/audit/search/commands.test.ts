import { Client, Connection } from '@temporalio/client'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Background, countersign, inBackground, useFolder } from '../../cli/cli.ts'
import { requestFor, resultOf } from '../../cli/waiting-run.ts'
import { useWorkerChild } from '../../cli/worker-child.ts'
import { SHIPPED_POLICIES } from '../../support/world.ts'
import { forgetting } from './sealing.ts'

const folder = useFolder()
const child = useWorkerChild(folder)
const at = (name: string): string => join(folder(), name)
let signer: Background
let workflowId: string
let customerId: string
let shown: { readonly entries: unknown }

const json = async (...args: readonly string[]) => JSON.parse((await child().run(args)).stdout)

beforeAll(async () => {
  await countersign(['audit', 'new-key', '--out', at('key')], { cwd: folder() })
  const keeping = ['--state', at('signer.state'), '--key-file', at('key'), '--socket', at('signer.sock')]
  signer = inBackground(['audit', 'signer', '--origin', 'acme.example/countersign', ...keeping], { cwd: folder() })
  await signer.says('ready')
  const { order, request } = await requestFor(child())
  workflowId = `search-${order.orderId}`
  customerId = order.customerId
  const principal = { subject: 'ana@acme.example', workspace: 'acme' }
  await resultOf(await child().client.start('refund_request', request, { principal, workflowId }))
  await child().run(['audit', 'seal', workflowId, '--signer', `unix:${at('signer.sock')}`])
  shown = await json('audit', 'export', workflowId)
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  await forgetting(new Client({ connection }), workflowId)
  await connection.close()
}, 150_000)
afterAll(async () => {
  signer.signal('SIGTERM')
  await signer.ended
})

test('a sealed run is found, as a table with totals or as JSON, and its leaf gets its bundle', async () => {
  const by = ['audit', 'search', '--customer', customerId, '--tool', 'billing.refund', '--since', '1d']
  const { code, stdout, stderr } = await child().run(by)
  expect([code, stderr]).toEqual([0, ''])
  const [head, row, , totals] = stdout.split('\n')
  expect(head).toMatch(/^LEAF {2}STATE .* RUN$/)
  expect(row).toMatch(new RegExp(`^0 .*\\$.* billing\\.refund.* ${workflowId}/`))
  expect(totals).toMatch(/^1 run {2}1 \w+ {2}.*refund_amount_usd \$/)
  const found = await json(...by, '--json')
  expect(found).toMatchObject({
    runs: [{ workflowId, leaf: 0, playbook: 'refund_request', workspace: 'acme', isSealed: false }],
    totals: { runs: 1 },
    next: null,
    unread: 0,
  })
  const bundled = await child().run([
    'audit',
    'bundle',
    found.runs[0].runKey,
    '--leaf',
    String(found.runs[0].leaf),
    '--out',
    at('run.json'),
  ])
  expect(bundled.code).toBe(0)
  const none = await child().run(['audit', 'search', '--customer', 'nobody'])
  expect([none.code, none.stdout]).toEqual([0, '\n0 runs\n'])
})

test('what Temporal has forgotten is shown, exported and explained from the archive, and that is said', async () => {
  const exported = await child().run(['audit', 'export', workflowId])
  expect(JSON.parse(exported.stdout)).toEqual(shown)
  expect(exported.stderr).toMatch(/^From the archive, since Temporal has not all of it any more: leaf 0 of the log/)
  const explained = await child().run(['audit', 'explain', workflowId, 'billing.refund-1'])
  expect([explained.code, explained.stdout.split('\n').length]).toEqual([0, 4])
  expect(explained.stderr).toContain('From the archive')
  const page = await child().run(['show', workflowId])
  expect([page.code, page.stderr]).toEqual([0, expect.stringContaining('leaf 0 of the log')])
  expect(page.stdout).toContain('TIMELINE (UTC)')
  expect(await json('show', workflowId, '--json')).toMatchObject({
    answeredBy: 'archive',
    seal: { leaf: 0 },
    record: { workflowId },
  })
  const again = await child().run(['audit', 'seal', workflowId, '--signer', `unix:${at('signer.sock')}`])
  expect(again.stdout).toContain('sealed before  leaf 0')
})

test('a backtest says how many runs came from the archive', async () => {
  const policy = join(SHIPPED_POLICIES, 'refund-request.yaml')
  const { code, stdout } = await child().run(['policy', 'backtest', policy, '--task-queue', child().taskQueue])
  expect([code, stdout]).toEqual([0, expect.stringMatching(/\n1 run of refund_request; 1 of them from the archive\n/)])
})

test('a run that nobody knows is not found, neither shown nor exported', async () => {
  for (const command of [['show'], ['audit', 'export']]) {
    const { code, stderr } = await child().run([...command, 'nothing'])
    expect([code, stderr]).toEqual([1, expect.stringContaining('run_not_found')])
  }
})

test.concurrent.each([
  [['--amount-from', '12,50'], 'is not an amount of USD'],
  [['--amount-from', '20', '--amount-to', '10'], 'is less than'],
  [['--since', '2026-02-30'], 'There is no such day'],
  [['--since', 'May'], 'such as `90m`'],
  [['--since', '1d', '--until', '2d'], 'is not after'],
  [['--after', 'x'], 'is no place where a page ended'],
  [['--state', 'odd'], 'Allowed choices'],
  [['--customer', ' '], 'must not be blank'],
])('a search that makes no sense says what is wrong: %s', async (args, why) => {
  const { code, stderr } = await child().run(['audit', 'search', ...args])
  expect([code, stderr]).toEqual([2, expect.stringContaining(why)])
})

test('a workspace that is at home elsewhere is not searched', async () => {
  const home = '{ namespace: eu, task_queue: eu, database: "db.eu.example:5432/ledger" }'
  await writeFile(at('homes.yaml'), `workspaces:\n  acme: ${home}\n`)
  const env = { ...child().env, COUNTERSIGN_WORKSPACES: at('homes.yaml') }
  const search = (...args: readonly string[]) => countersign(['audit', 'search', ...args], { env, cwd: folder() })
  const all = await search()
  expect([all.code, all.stdout, all.stderr]).toEqual([
    0,
    '\n0 runs\n',
    '1 runs are at home elsewhere, and not shown.\n',
  ])
  const named = await search('--workspace', 'acme')
  expect([named.code, named.stderr]).toEqual([1, expect.stringContaining('workspace_elsewhere')])
})
