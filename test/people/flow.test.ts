import { Client, Connection } from '@temporalio/client'
import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { migrateRecords } from '../../activities/records/migrate.ts'
import { seedRecords } from '../../activities/records/seed.ts'
import { CountersignClient, gatewayStatements, type RunHandle } from '../../src/client/index.ts'
import { digestOf } from '../../src/contract/digest.ts'
import { developmentIssuer } from '../../src/identity/statements.ts'
import { attemptsSince } from '../../src/ledger/attempts.ts'
import { type LedgerDatabase, openDatabase } from '../../src/ledger/database.ts'
import { type Background, countersign, inBackground, type Ran, useFolder } from '../cli/cli.ts'
import { Browser } from '../gateway/browser.ts'
import { mappingText, tokenOfService, tokensOfPerson } from '../gateway/gateway-world.ts'
import { startProvider, type TestProvider } from '../gateway/provider.ts'
import { newOrder } from '../support/orders.ts'
import { freshDatabase, query, SHIPPED_POLICIES, until } from '../support/world.ts'

/* The whole way of what people say: a provider, a gateway, a worker that is not for development, and commands, each a process of its own. */
const ROOT = join(import.meta.dirname, '..', '..')
const ASKS = ['billing:read', 'billing:refund', 'crm:read', 'helpdesk:reply', 'shipping:read']
const inAcme = (employee_id: string, ...groups: readonly string[]) => ({ employee_id, groups, spaces: { acme: ASKS } })
const PEOPLE = {
  ana: inAcme('1001', '/support'),
  ben: inAcme('1002', '/acme/refunds'),
  cleo: {
    ...inAcme('1003', '/acme/refunds', '/acme/ops'),
    spaces: { acme: [...ASKS, 'countersign:resume:all', 'countersign:stop:all'] },
  },
  dan: inAcme('1004', '/acme/refunds'),
  dora: inAcme('1005'),
}
type Person = keyof typeof PEOPLE

const folder = useFolder()
const taskQueue = `flow-${randomUUID()}`
const closing: (() => Promise<unknown>)[] = []
const tokens: string[] = []
let provider: TestProvider
let databaseUrl = ''
let db: LedgerDatabase
let temporal: Client
let gateway = ''
let env: Readonly<Record<string, string>> = {}

const as = (name: Person, ...args: readonly string[]): Promise<Ran> =>
  countersign(args, { cwd: join(folder(), name), env })

async function logIn(name: Person): Promise<void> {
  const cwd = join(folder(), name)
  await mkdir(cwd)
  const command = inBackground(['login'], { cwd, env })
  await command.says('Waiting for you to say yes there.')
  const [, url = ''] = /Open (\S+)/.exec(command.stderr()) ?? []
  await new Browser(name).sayYes(url)
  const { code, stderr } = await command.ended
  if (code !== 0) throw new Error(stderr)
  const login = JSON.parse(await readFile(join(cwd, '.countersign', 'login.json'), 'utf8')) as { accessToken: string }
  tokens.push(login.accessToken)
}

const ending = async (child: Background): Promise<void> => {
  child.signal('SIGTERM')
  await child.ended
}

beforeAll(async () => {
  provider = await startProvider({ people: PEOPLE, services: { 'refund-service': { spaces: { acme: ASKS } } } })
  closing.push(provider.close)
  const fresh = await freshDatabase()
  databaseUrl = fresh.url
  closing.push(fresh.drop)
  const mapping = mappingText(provider.issuer)
    .replace('refund-approvers: [/acme/refunds]', 'refund-approvers: [/acme/refunds]\n      operators: [/acme/ops]')
    .replace(/people:[\s\S]*/, 'people: {}\n')
  await writeFile(join(folder(), 'identity.yaml'), mapping)
  env = {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    DATABASE_URL: databaseUrl,
    COUNTERSIGN_IDENTITY: join(folder(), 'identity.yaml'),
  }
  const cwd = join(folder(), 'host')
  await cp(SHIPPED_POLICIES, join(cwd, 'policies'), { recursive: true })
  const file = join(cwd, 'policies', 'refund-request.yaml')
  const text = await readFile(file, 'utf8')
  const who = 'approvals:\n  who: [refund-approvers]\n  quorum: 2\n'
  await writeFile(file, `${text.trimEnd()}\n who: [operators]\n${who}`)
  await writeFile(
    join(cwd, 'countersign.config.ts'),
    `import { sampleProject } from '${ROOT}/src/cli/sample-project.ts'\nexport const project = { ...sampleProject, policies: '${cwd}/policies' }\n`,
  )
  const onHost = { cwd, env }
  const setup = await countersign(['setup', '--task-queue', taskQueue], onHost)
  if (setup.code !== 0) throw new Error(setup.stderr)
  db = openDatabase(databaseUrl, () => {})
  closing.push(() => db.destroy())
  await migrateRecords(db as unknown as Kysely<unknown>)
  await seedRecords(db as unknown as Kysely<unknown>)
  const rotated = await countersign(['keys', 'rotate', '--out', 'gateway.pem'], onHost)
  if (rotated.code !== 0) throw new Error(rotated.stderr)
  // The shipped policy wants its records exported.
  await writeFile(join(cwd, 'exports.yaml'), 'sinks: [{ name: splunk, kind: file, path: audit.jsonl }]\n')
  const worker = inBackground(['worker', '--task-queue', taskQueue, '--exports', 'exports.yaml'], onHost)
  closing.push(() => ending(worker))
  const signs = inBackground(['gateway', '--address', '127.0.0.1:0'], {
    cwd,
    env: { ...env, COUNTERSIGN_ISSUER_KEY_FILE: 'gateway.pem' },
  })
  closing.push(() => ending(signs))
  await Promise.all([worker.says(' of deployment '), signs.says('ready  gateway at ')])
  gateway = /gateway at (http:\S+),/.exec(signs.stderr())?.[1] ?? ''
  env = { ...env, COUNTERSIGN_GATEWAY_URL: gateway }
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  closing.push(() => connection.close())
  temporal = new Client({ connection })
  for (const name of Object.keys(PEOPLE) as Person[]) await logIn(name)
}, 240_000)
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
}, 120_000)

const run = (workflowId: string): RunHandle => new CountersignClient(temporal, { taskQueue }).run(workflowId)
const digestAt = (workflowId: string, except?: string): Promise<string> =>
  until(`a question of ${workflowId}`, async () => {
    const [pending] = (await run(workflowId).status()).pending
    return pending?.actionDigest === except ? undefined : pending?.actionDigest
  })
async function requested() {
  const order = await newOrder(databaseUrl, { amountCents: 12_000 })
  const request = {
    orderId: order.orderId,
    ticketId: order.ticketId,
    message: 'It arrived broken, please refund $120.00.',
  }
  return { order, request }
}
const refunded = async (paymentId: string): Promise<number> => {
  const live = "SELECT coalesce(sum(amount_cents), 0) AS cents FROM records.refunds WHERE status <> 'voided'"
  const { rows } = await query(databaseUrl, `${live} AND payment_id = $1`, [paymentId])
  return Number(rows[0]?.['cents'])
}
const started = async (name: Person) => {
  const { order, request } = await requested()
  const workflowId = `flow-${order.orderId}`
  const ran = await as(
    name,
    'start',
    'refund_request',
    '--task-queue',
    taskQueue,
    '--id',
    workflowId,
    '--workspace',
    'acme',
    '--request',
    JSON.stringify(request),
  )
  expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: `${workflowId}\n` })
  return { order, request, workflowId, digest: await digestAt(workflowId) }
}
const said = (ran: Ran, code: number, text: string): void => {
  expect(`${ran.stdout}${ran.stderr}`).toContain(text)
  expect(ran.code, ran.stderr).toBe(code)
}

test(
  'one asks, two others approve what they saw, and the record says who, how it was proved, and what it was',
  { timeout: 120_000 },
  async () => {
    const { order, workflowId, digest } = await started('ana')
    const asked = await as('ben', 'show', workflowId)
    expect(asked.stdout).toContain(`asked by  1001, acme (logged in at ${provider.issuer})`)
    // What they are going to see: the action by its digest, and what it changes.
    expect(asked.stdout).toContain(digest)
    expect(asked.stdout).toContain('$120.00')
    said(await as('ana', 'approve', workflowId, '--digest', digest), 3, 'decision_by_requester')
    said(await as('dora', 'approve', workflowId, '--digest', digest), 3, 'decision_not_approver')
    said(
      await as('ben', 'approve', workflowId, '--digest', digest, '--comment', 'looks right'),
      0,
      'still needs 1 more of refund-approvers',
    )
    said(await as('ben', 'approve', workflowId, '--digest', digest), 3, 'decision_repeated')
    expect(await refunded(order.paymentId)).toBe(0)
    expect((await as('cleo', 'show', workflowId)).stdout).toMatch(
      / waits {5}for 1 more of refund-approvers, until .*\n +approved {2}by 1002\n/,
    )
    const metadata = await temporal.workflow
      .getHandle(workflowId)
      .query<{ readonly currentDetails: string }>('__temporal_workflow_metadata')
    expect(metadata.currentDetails).toContain('### Asked of 2 of refund-approvers, until ')
    expect(metadata.currentDetails).toContain('Approved by 1002; it still needs **1 more of refund-approvers**.')
    said(await as('cleo', 'approve', workflowId, '--digest', digest), 0, 'approves')
    await until('the refund', async () => ((await refunded(order.paymentId)) === 12_000 ? true : undefined))
    const { stdout } = await as('dan', 'show', workflowId)
    expect(stdout).toMatch(new RegExp(`decide +\\S+ \\(logged in at ${provider.issuer}\\) approves: looks right`))
    expect(stdout.match(/\(logged in at \S+\) approves/g)).toHaveLength(2)
    expect(stdout).toContain('decision_not_approver')
    expect(stdout).not.toContain('--by')
    // What both saw stands once above their names: why it was asked, with which facts, what changes and on what it rests.
    const decided = stdout.slice(stdout.indexOf('decided by people'))
    expect(decided).toContain(`(${digest})\n`)
    expect(decided.match(new RegExp(` approve by \\d+ \\(logged in at ${provider.issuer}\\)`, 'g'))).toHaveLength(2)
    for (const line of [
      /because refund_amount_usd is \$120\.00/g,
      /with refund_amount_usd \$120\.00/g,
      /would change payment\/\S+ refundable: \$120\.00 → \$0\.00/g,
      /rests on record order\//g,
    ]) {
      expect(decided.match(line), String(line)).toHaveLength(1)
    }
    // What they saw is named by its digest in what was decided.
    const { attempts } = await run(workflowId).status()
    expect(attempts.filter(({ answer }) => answer.accepted)).toMatchObject([
      { message: { actionDigest: digest, decision: 'approve' } },
      { message: { actionDigest: digest, decision: 'approve' } },
    ])
  },
)

test(
  'a change is approved by others, one of them for somebody else; an operator undoes it',
  { timeout: 120_000 },
  async () => {
    const { order, workflowId, digest } = await started('ana')
    const pending = (await run(workflowId).status()).pending[0]
    const shown = pending?.about === 'action' ? (pending.action.input as { readonly amount: object }) : { amount: {} }
    const instead = { ...shown, amount: { ...shown.amount, cents: 5_000 } }
    said(await as('ben', 'change', workflowId, '--digest', digest, '--input', JSON.stringify(instead)), 0, 'changes')
    const changed = await digestAt(workflowId, digest)
    said(await as('ben', 'approve', workflowId, '--digest', changed), 3, 'decision_by_requester')
    said(await as('cleo', 'approve', workflowId, '--digest', digest), 3, 'decision')
    said(await as('cleo', 'approve', workflowId, '--digest', changed), 0, 'still needs 1')
    const dora = (await as('dora', 'whoami', '--json')).stdout
    const { subject } = JSON.parse(dora) as { subject: string }
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
    const delegation = [
      'delegate',
      '--to',
      subject,
      '--group',
      'refund-approvers',
      '--until',
      tomorrow,
      '--workspace',
      'acme',
    ]
    said(await as('ana', ...delegation), 1, 'delegation_invalid')
    said(await as('dan', ...delegation), 0, 'may speak for')
    said(await as('dora', 'approve', workflowId, '--digest', changed), 0, 'approves')
    await until('the refund', async () => ((await refunded(order.paymentId)) === 5_000 ? true : undefined))
    await until('the end', async () => ((await run(workflowId).status()).state === 'completed' ? true : undefined))
    expect((await as('ben', 'show', workflowId)).stdout).toMatch(
      /, who may speak for \S+ in refund-approvers, approves/,
    )
    said(await as('ben', 'undo', workflowId), 3, 'undo_not_allowed')
    expect(await refunded(order.paymentId)).toBe(5_000)
    said(await as('cleo', 'undo', workflowId, '--comment', 'the wrong order', '--wait'), 0, 'reverted')
    expect(await refunded(order.paymentId)).toBe(0)
  },
)

test('a rejection ends it, and moves nothing', { timeout: 60_000 }, async () => {
  const { order, workflowId, digest } = await started('ana')
  said(await as('ana', 'reject', workflowId, '--digest', digest), 3, 'decision_by_requester')
  said(await as('ben', 'reject', workflowId, '--digest', digest), 0, 'rejects')
  expect(await run(workflowId).result()).toMatchObject({ state: 'refused' })
  expect(await refunded(order.paymentId)).toBe(0)
})

test(
  'a service starts a run with its own token; what was stopped waits, and goes on when somebody lets it',
  { timeout: 120_000 },
  async () => {
    const { order, request } = await requested()
    const token = await tokenOfService(provider)
    tokens.push(token)
    const client = new CountersignClient(temporal, {
      taskQueue,
      statements: gatewayStatements({ url: gateway, token: async () => token }),
    })
    const workflowId = `flow-${order.orderId}`
    await client.start('refund_request', request, { workflowId, principal: { workspace: 'acme' } })
    const digest = await digestAt(workflowId)
    expect((await as('ben', 'show', workflowId)).stdout).toContain('asked by  acme:refund-service, acme')
    const stops = ['tool', 'billing.refund', '--reason', 'too many', '--workspace', 'acme'] as const
    const refused = await as('ben', 'stop', ...stops)
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('`countersign:stop:all`')])
    expect((await as('ben', 'stops', '--refused')).stdout).toContain('stop the tool `billing.refund`')
    said(await as('cleo', 'stop', ...stops), 0, 'is stopped since')
    for (const name of ['ben', 'cleo'] as const)
      said(await as(name, 'approve', workflowId, '--digest', digest), 0, 'approves')
    await until('the incident', async () => (await run(workflowId).status()).incidents[0])
    expect(await refunded(order.paymentId)).toBe(0)
    said(
      await as('cleo', 'resume', 'tool', 'billing.refund', '--reason', 'mended', '--workspace', 'acme'),
      0,
      'may go on',
    )
    await until('the refund', async () => ((await refunded(order.paymentId)) === 12_000 ? true : undefined))
  },
)

test('Temporal’s own client starts a run with a statement that it fetched', { timeout: 60_000 }, async () => {
  const { request, order } = await requested()
  const workflowId = `flow-${order.orderId}`
  const { access_token: token } = await tokensOfPerson(provider, 'ana')
  tokens.push(token)
  const about = {
    kind: 'start',
    workflowId,
    playbook: 'refund_request',
    requestDigest: digestOf(request),
    workspace: 'acme',
  }
  const response = await fetch(`${gateway}/v1/statements`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ about }),
  })
  const { statement } = (await response.json()) as { statement: unknown }
  await temporal.workflow.start('refund_request', { workflowId, taskQueue, args: [{ request, statement }] })
  await digestAt(workflowId)
  expect(await run(workflowId).status()).toMatchObject({
    principal: { workspace: 'acme', kind: 'user', development: false },
  })
})

test('a development statement, and none at all, start and decide nothing here', { timeout: 60_000 }, async () => {
  const { order, request } = await requested()
  const cwd = join(folder(), 'developer')
  await mkdir(cwd)
  developmentIssuer(join(cwd, '.countersign'))
  const { COUNTERSIGN_GATEWAY_URL: _, ...without } = env
  const id = `dev-${order.orderId}`
  const start = [
    'start',
    'refund_request',
    '--task-queue',
    taskQueue,
    '--id',
    id,
    '--by',
    'boss@acme.example',
    '--workspace',
    'acme',
    '--wait',
  ]
  const ran = await countersign([...start, '--request', JSON.stringify(request)], { cwd, env: without })
  expect(ran.code).not.toBe(0)
  expect(`${ran.stdout}${ran.stderr}`).toMatch(/statement_(development|key_unknown)/)
  const { workflowId, digest, order: other } = await started('ana')
  const approved = await countersign(['approve', workflowId, '--digest', digest, '--by', 'boss@acme.example'], {
    cwd,
    env: without,
  })
  said(approved, 3, 'statement_')
  expect([await refunded(order.paymentId), await refunded(other.paymentId)]).toEqual([0, 0])
})

test('the gateway logged every attempt, and no token is in a history, in the log or in the ledger', async () => {
  const attempts = await attemptsSince(db, '0')
  const kinds = new Set(attempts.map(({ about }) => about?.kind))
  for (const kind of ['start', 'decide', 'undo', 'delegate', 'stop', 'resume'] as const) expect(kinds).toContain(kind)
  const histories = []
  for await (const { workflowId } of temporal.workflow.list({ query: `TaskQueue = '${taskQueue}'` })) {
    histories.push(JSON.stringify(await temporal.workflow.getHandle(workflowId).fetchHistory()))
  }
  const { rows } = await query(databaseUrl, 'SELECT statement::text AS text FROM countersign.runs')
  const text = [JSON.stringify(attempts), ...histories, JSON.stringify(rows)].join('\n')
  expect(histories.length).toBeGreaterThan(3)
  for (const token of tokens) {
    const [, , signature = 'none'] = token.split('.')
    expect(text).not.toContain(signature)
    expect(text).not.toContain(Buffer.from(signature).toString('base64').slice(0, 60))
  }
})
