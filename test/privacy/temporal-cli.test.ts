import { randomUUID } from 'node:crypto'
import { execFile } from 'node:child_process'
import type { Kysely } from 'kysely'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { migrateRecords } from '../../activities/records/migrate.ts'
import { seedRecords } from '../../activities/records/seed.ts'
import { type CodecCall, codecCallsSince } from '../../src/ledger/codec-calls.ts'
import { type LedgerDatabase, openDatabase } from '../../src/ledger/database.ts'
import { type Background, countersign, inBackground, useFolder } from '../cli/cli.ts'
import { mappingText, tokenOfService, tokensOfPerson } from '../gateway/gateway-world.ts'
import { startProvider, type TestProvider } from '../gateway/provider.ts'
import { newOrder } from '../support/orders.ts'
import { freshDatabase, query, SHIPPED_POLICIES, until } from '../support/world.ts'
import { foundIn } from './searched.ts'

/* An operator's day, by real processes: a worker and a gateway with master keys; commands, and Temporal's own, that have neither keys nor a database. */

const ASKS = ['billing:read', 'billing:refund', 'crm:read', 'helpdesk:reply', 'shipping:read']
const PEOPLE = {
  ben: { employee_id: '1002', groups: ['/acme/refunds'], spaces: { acme: ['payloads:read'] } },
  dora: { employee_id: '1005', groups: [], spaces: { acme: [] } },
}
const PAGE = 'https://temporal.acme.example'
const folder = useFolder()
const taskQueue = `codec-${randomUUID()}`
const closing: (() => Promise<unknown>)[] = []
let provider: TestProvider
let databaseUrl = ''
let db: LedgerDatabase
let gateway = ''

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
  const cwd = join(folder(), 'host')
  await cp(SHIPPED_POLICIES, join(cwd, 'policies'), { recursive: true })
  await writeFile(join(cwd, 'identity.yaml'), mappingText(provider.issuer))
  // The shipped policy asks for an export, and for production somebody has to take it.
  await writeFile(join(cwd, 'exports.yaml'), 'sinks:\n  - { name: splunk, kind: file, path: audit.jsonl }\n')
  const env = {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    DATABASE_URL: databaseUrl,
    COUNTERSIGN_ISSUER_KEY_FILE: 'gateway.pem',
    COUNTERSIGN_MASTER_KEYS: 'master-keys.json',
    COUNTERSIGN_EXPORTS: 'exports.yaml',
  }
  const host = { cwd, env, unset: ['COUNTERSIGN_PAYLOADS'] }
  const sample = join(import.meta.dirname, '..', '..', 'src', 'cli', 'sample-project.ts')
  const project = `{ ...sampleProject, policies: '${cwd}/policies' }`
  await writeFile(
    join(cwd, 'countersign.config.ts'),
    `import { sampleProject } from '${sample}'\nexport const project = ${project}\n`,
  )
  for (const args of [
    ['keys', 'new-master', '--out', 'master-keys.json'],
    ['setup', '--task-queue', taskQueue],
    ['keys', 'rotate', '--out', 'gateway.pem'],
  ]) {
    const ran = await countersign(args, args.includes('new-master') ? { cwd } : host)
    if (ran.code !== 0) throw new Error(ran.stderr)
  }
  db = openDatabase(databaseUrl, () => {})
  closing.push(() => db.destroy())
  await migrateRecords(db as unknown as Kysely<unknown>)
  await seedRecords(db as unknown as Kysely<unknown>)
  const worker = inBackground(['worker', '--task-queue', taskQueue], host)
  closing.push(() => ending(worker))
  const signs = inBackground(['gateway', '--address', '127.0.0.1:0', '--codec-origin', PAGE], host)
  closing.push(() => ending(signs))
  await Promise.all([worker.says(' of deployment '), signs.says(`; pages: ${PAGE}`)])
  gateway = /gateway at (http:\S+),/.exec(signs.stderr())?.[1] ?? ''
}, 120_000)
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
}, 60_000)

type Somebody = 'service' | keyof typeof PEOPLE
const tokenFor = async (name: Somebody) =>
  name === 'service' ? await tokenOfService(provider) : (await tokensOfPerson(provider, name)).access_token

/** Runs a command of ours as somebody elsewhere: with a gateway and a token, and nothing else. */
async function elsewhere(name: Somebody, ...args: readonly string[]) {
  const cwd = join(folder(), name)
  await mkdir(cwd, { recursive: true })
  const env = {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    COUNTERSIGN_GATEWAY_URL: gateway,
    COUNTERSIGN_TOKEN: await tokenFor(name),
  }
  return await countersign(args, { cwd, env, unset: ['DATABASE_URL', 'COUNTERSIGN_MASTER_KEYS'] })
}

/** Runs Temporal's own command, with the codec server where somebody asks it. */
async function temporal(args: readonly string[], as?: Somebody) {
  const codec =
    as === undefined
      ? []
      : ['--codec-endpoint', `${gateway}/codec/{namespace}`, '--codec-auth', `Bearer ${await tokenFor(as)}`]
  const all = [...args, '--address', inject('temporalAddress'), ...codec]
  const { stdout } = await promisify(execFile)(inject('temporalCli'), all, { maxBuffer: 50_000_000 })
  return stdout
}

/** Whether a text stands in what a command printed, as it is or in Base64. */
const shows = (printed: unknown, secret: string): boolean =>
  foundIn(Buffer.from(typeof printed === 'string' ? printed : JSON.stringify(printed)), { secret }).length > 0

const lastCalls = async (kind: CodecCall['kind']) =>
  (await codecCallsSince(db, '0')).filter((call) => call.kind === kind)

async function waiting() {
  const order = await newOrder(databaseUrl, { amountCents: 12_000 })
  const secret = `pl${randomUUID().replaceAll('-', '')}`
  const message = `It arrived broken, please refund $120.00. I am ${secret}.`
  const request = JSON.stringify({ orderId: order.orderId, ticketId: order.ticketId, message })
  const workflowId = `cli-${randomUUID()}`
  const args = ['--id', workflowId, '--workspace', 'acme', '--task-queue', taskQueue, '--request', request]
  const started = await elsewhere('service', 'start', 'refund_request', ...args)
  expect(started).toMatchObject({ code: 0 })
  return { order, secret, workflowId }
}

const untilAsked = (workflowId: string) =>
  until('a question', async () => {
    const { stdout } = await elsewhere('ben', 'show', workflowId)
    return stdout.includes('blocked') ? stdout : undefined
  })

test('commands start, show and approve with a gateway and a token alone; who has not the scope reads nothing', async () => {
  const { order, secret, workflowId } = await waiting()
  const shown = await untilAsked(workflowId)
  expect(shown).toContain('$120.00')
  const [, digest = ''] = /--digest (\S+)/.exec(shown) ?? []
  const theirs = await elsewhere('dora', 'show', workflowId)
  expect(theirs).toMatchObject({ code: 1 })
  expect(theirs.stderr).toContain('scope_missing')
  expect(theirs.stdout + theirs.stderr).not.toContain(secret)
  const approved = await elsewhere('ben', 'approve', workflowId, '--digest', digest, '--comment', 'seen')
  expect(approved).toMatchObject({ code: 0 })
  const refunds = "SELECT count(*)::int AS n FROM records.refunds WHERE payment_id = $1 AND status <> 'voided'"
  await until('the refund', async () =>
    (await query(databaseUrl, refunds, [order.paymentId])).rows[0]?.['n'] === 1 ? true : undefined,
  )
}, 120_000)

test("Temporal's own command shows the request with the codec server, and ciphertext without it, or without the scope", async () => {
  const { secret, workflowId } = await waiting()
  await untilAsked(workflowId)
  const show = ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json']
  const payload = async (as?: Somebody) =>
    (
      JSON.parse(await temporal(show, as)) as {
        events: readonly { workflowExecutionStartedEventAttributes?: { input?: unknown } }[]
      }
    ).events[0]?.workflowExecutionStartedEventAttributes?.input
  const without = await payload()
  expect(shows(without, secret)).toBe(false)
  expect(shows(await payload('ben'), secret)).toBe(true)
  const seen = (await lastCalls('decode')).at(-1)
  expect(seen).toMatchObject({ refused: null, namespace: 'default', who: { subject: 'ben@acme.example' } })
  expect(await payload('dora')).toEqual(without)
  const kept = (await lastCalls('decode')).filter(({ who }) => who?.subject === '1005')
  expect(kept.length).toBeGreaterThan(0)
  expect(kept.flatMap(({ keys }) => keys).length).toBeGreaterThan(0)
  for (const { passed, keys } of kept) {
    expect(passed).toBe(0)
    for (const { code } of keys) expect(code).toBe('scope_missing')
  }
}, 120_000)

test("what Temporal's own command encodes is of the workflow that it starts", async () => {
  const order = await newOrder(databaseUrl, { amountCents: 2_000 })
  const secret = `pl${randomUUID().replaceAll('-', '')}`
  const message = `It arrived broken, please refund $20.00. I am ${secret}.`
  const request = JSON.stringify({ orderId: order.orderId, ticketId: order.ticketId, message })
  const workflowId = `cli-${randomUUID()}`
  const args = ['--print', '--id', workflowId, '--workspace', 'acme', '--request', request]
  const { stdout: input, stderr } = await elsewhere('service', 'start', 'refund_request', ...args)
  expect(stderr).not.toContain('error')
  const to = ['--type', 'refund_request', '--task-queue', taskQueue, '--workflow-id', workflowId]
  await temporal(['workflow', 'start', ...to, '--input', input], 'service')
  expect((await lastCalls('encode')).at(-1)).toMatchObject({ passed: 1, who: { subject: 'acme:refund-service' } })
  const paid = "SELECT count(*)::int AS n FROM records.refunds WHERE payment_id = $1 AND status <> 'voided'"
  await until('the refund', async () =>
    (await query(databaseUrl, paid, [order.paymentId])).rows[0]?.['n'] === 1 ? true : undefined,
  )
  const show = ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json']
  expect(shows(await temporal(show), secret)).toBe(false)
  expect(shows(await temporal(show, 'ben'), secret)).toBe(true)
}, 120_000)

test('a gateway without master keys is no codec server, and does not take pages for one', async () => {
  const cwd = join(folder(), 'host')
  const env = {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    DATABASE_URL: databaseUrl,
    COUNTERSIGN_ISSUER_KEY_FILE: 'gateway.pem',
  }
  const refused = await countersign(['gateway', '--address', '127.0.0.1:0', '--codec-origin', PAGE], { cwd, env })
  expect(refused).toMatchObject({ code: 1 })
  expect(refused.stderr).toContain('config_invalid')
  const wrong = await countersign(['gateway', '--codec-origin', `${PAGE}/ui`], { cwd, env })
  expect(wrong.code).toBe(2)
  const plain = inBackground(['gateway', '--address', '127.0.0.1:0'], { cwd, env })
  try {
    await plain.says('no codec server')
    const url = /gateway at (http:\S+),/.exec(plain.stderr())?.[1] ?? ''
    for (const path of ['/codec/decode', '/data-keys']) {
      const { status } = await fetch(`${url}${path}`, { method: 'POST', body: '{}' })
      expect(status).toBe(404)
    }
  } finally {
    await ending(plain)
  }
}, 60_000)

test('`countersign token` prints the token for other programs', async () => {
  const { stdout } = await elsewhere('ben', 'token')
  expect(stdout.trim().split('.')).toHaveLength(3)
})
