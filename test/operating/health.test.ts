import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, inject, onTestFinished, test } from 'vitest'
import { type Phase, serveHealth } from '../../src/worker/health-server.ts'
import { type Checked, readinessOf } from '../../src/worker/readiness.ts'
import { countersign, useFolder } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { query, until } from '../support/world.ts'
import { bookOf, get, healthOf, SHOP, workerBeside } from './shop.ts'

const folder = useFolder()
const child = useWorkerChild(folder, {
  args: ['--config', SHOP],
  env: () => ({ SHOP_BOOK: bookOf(folder()).path }),
})

interface Ready {
  readonly ready: boolean
  readonly checks: readonly { name: string; ok: boolean; what: string; todo?: string }[]
}

/** Waits until a worker says that it is ready, or that it is not, and gives what it says. */
const untilReady = (url: string, ready: boolean) =>
  until(`${ready ? '' : 'un'}readiness`, async () => {
    const { status, json } = await get(`${url}/readyz`)
    const said = json as unknown as Ready
    expect(said.ready).toBe(status === 200)
    return said.ready === ready ? said : undefined
  })

const failing = ({ checks }: Ready) => checks.filter(({ ok }) => !ok)

test('a worker that polls is alive, and ready with what it has found', async () => {
  const url = healthOf(child().worker)
  expect(await get(`${url}/healthz`)).toMatchObject({ status: 200, json: { phase: 'running' } })
  const { checks } = await untilReady(url, true)
  expect(checks).toEqual([
    { name: 'polling', ok: true, what: 'worker RUNNING, workflow tasks POLLING, activities POLLING' },
    { name: 'temporal', ok: true, what: expect.stringMatching(/^127\.0\.0\.1:\d+ answers; version 0\S+ is current$/) },
    { name: 'database', ok: true, what: 'answers, and the ledger is up to date' },
    { name: 'policies', ok: true, what: '3 in force' },
    { name: 'policy-files', ok: true, what: 'in force, and looked at every 5 s' },
  ])
})

test('nothing else is served, nothing can be sent, and no secret is told', async () => {
  const url = healthOf(child().worker)
  expect(await get(`${url}/`)).toMatchObject({ status: 404 })
  expect((await fetch(`${url}/readyz`, { method: 'POST', body: 'x' })).status).toBe(405)
  const head = await fetch(`${url}/healthz`, { method: 'HEAD' })
  expect(head.status).toBe(200)
  expect(await head.text()).toBe('')
  const { password } = new URL(child().databaseUrl)
  expect(password).not.toBe('')
  for (const path of ['healthz', 'readyz', 'metrics']) {
    const { text } = await get(`${url}/${path}`)
    expect(text).not.toContain(`:${password}@`)
  }
})

test('a pending migration is not ready, names it and says to run setup; a worker does not start on it', async () => {
  const url = healthOf(child().worker)
  const rows = 'SELECT name, timestamp FROM countersign.kysely_migration ORDER BY name DESC LIMIT 1'
  const { rows: last } = await query(child().databaseUrl, rows)
  const name = String(last[0]?.['name'])
  await query(child().databaseUrl, 'DELETE FROM countersign.kysely_migration WHERE name = $1', [name])
  expect(failing(await untilReady(url, false))).toEqual([
    { name: 'database', ok: false, what: `the ledger lacks ${name}`, todo: 'Run `countersign setup`.' },
  ])
  expect(await get(`${url}/healthz`)).toMatchObject({ status: 200 })
  const started = await countersign(['worker', '--config', SHOP], { env: child().env, cwd: folder() })
  expect(started.stderr).toContain(`error: The ledger lacks ${name}.\n`)
  expect(started.stderr).toContain('  code  setup_needed\n')
  expect(started.code).toBe(1)
  const put = 'INSERT INTO countersign.kysely_migration (name, timestamp) VALUES ($1, $2)'
  await query(child().databaseUrl, put, [name, last[0]?.['timestamp']])
  await untilReady(url, true)
})

test('a lost policy is not ready, and names its playbook', async () => {
  const url = healthOf(child().worker)
  const { rows } = await query(
    child().databaseUrl,
    "DELETE FROM countersign.policies WHERE workflow = 'holds' RETURNING *",
  )
  expect(failing(await untilReady(url, false))).toMatchObject([
    { name: 'policies', what: 'the ledger lost the policy of holds' },
  ])
  const put = 'INSERT INTO countersign.policies (digest, workflow, text) VALUES ($1, $2, $3)'
  await query(child().databaseUrl, put, [rows[0]?.['digest'], rows[0]?.['workflow'], rows[0]?.['text']])
  await untilReady(url, true)
})

test('a database that lets nobody in is not ready, and the worker is again when it does', async () => {
  const url = healthOf(child().worker)
  const name = new URL(child().databaseUrl).pathname.slice(1)
  const admin = (text: string) => query(inject('databaseUrl'), text)
  await admin(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`)
  await admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
  const found = failing(await untilReady(url, false))
  expect(found.map((one) => one.name)).toEqual(['database', 'policies'])
  expect(found[0]?.what).toContain('not currently accepting connections')
  expect(found[0]?.todo).toBe('See whether it is up and can be reached.')
  expect(await get(`${url}/healthz`)).toMatchObject({ status: 200 })
  await admin(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`)
  await untilReady(url, true)
})

/** A way to Temporal that can be cut. */
async function wire() {
  const sockets = new Set<Socket>()
  const [host = '', port = ''] = inject('temporalAddress').split(':')
  const server = createServer((near) => {
    const far = connect({ host, port: Number(port) })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  afterAll(cut)
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, cut }
}

test('a Temporal that cannot be reached is not ready, and the worker is still alive', async () => {
  const way = await wire()
  const env = { TEMPORAL_ADDRESS: way.address }
  const worker = await workerBeside(child(), `${child().taskQueue}-cut`, { cwd: folder(), env })
  const url = healthOf(worker)
  await untilReady(url, true)
  way.cut()
  expect(failing(await untilReady(url, false))).toMatchObject([{ name: 'temporal' }])
  expect(await get(`${url}/healthz`)).toMatchObject({ status: 200 })
  worker.signal('SIGTERM')
  worker.signal('SIGKILL')
  await worker.ended
})

test('an address that is taken keeps the worker from starting, and `off` serves nothing', async () => {
  const taken = healthOf(child().worker).replace('http://', '')
  const args = ['worker', '--config', SHOP, '--health-address', taken]
  const { code, stderr } = await countersign(args, { env: child().env, cwd: folder() })
  expect(stderr).toContain(`error: Health and metrics cannot be served at ${taken} (EADDRINUSE).\n`)
  expect(stderr).toContain('  code  address_in_use\n')
  expect(code).toBe(1)
  const off = await workerBeside(child(), `${child().taskQueue}-off`, {
    cwd: folder(),
    args: ['--health-address', 'off'],
  })
  expect(() => healthOf(off)).toThrow('serves no health')
  off.signal('SIGTERM')
  expect(await off.ended).toMatchObject({ code: 0 })
})

test('the server says what phase the worker is in: it is ready in one alone, and alive in all but one', async () => {
  let phase: Phase = 'starting'
  const ready = { ready: true, checks: [], at: new Date(0).toISOString() }
  const sources = { phase: () => phase, readiness: () => Promise.resolve(ready), metrics: () => Promise.resolve('') }
  const server = await serveHealth({ host: '127.0.0.1', port: 0 }, sources)
  onTestFinished(() => server.close())
  const found: unknown[] = []
  for (const each of ['starting', 'running', 'draining', 'failed'] as const) {
    phase = each
    const [alive, isReady] = await Promise.all(
      ['healthz', 'readyz'].map((path) => get(`http://${server.address}/${path}`)),
    )
    found.push([each, alive?.status, isReady?.status])
  }
  expect(found).toEqual([
    ['starting', 200, 503],
    ['running', 200, 200],
    ['draining', 200, 503],
    ['failed', 503, 503],
  ])
})

test('checks run once however many ask, and again when the answer is old; one that throws or hangs is not ok', async () => {
  let asked = 0
  const hang = new Promise<Checked>(() => {})
  const counted = readinessOf([{ name: 'a', look: () => Promise.resolve({ ok: true, what: String(++asked) }) }], 60_000)
  await Promise.all(Array.from({ length: 100 }, () => counted()))
  await counted()
  expect(asked).toBe(1)
  const fresh = readinessOf([{ name: 'a', look: () => Promise.resolve({ ok: true, what: String(++asked) }) }], 0)
  await fresh()
  await until('another look', async () => ((await fresh()).checks[0]?.what === '2' ? undefined : true))
  const bad = readinessOf([
    { name: 'throws', look: () => Promise.reject(new Error('no such host')) },
    { name: 'hangs', look: () => hang },
    { name: 'is well', look: () => Promise.resolve({ ok: true, what: 'well' }) },
  ])
  const todo = 'See whether it is up and can be reached.'
  expect(await bad()).toMatchObject({
    ready: false,
    checks: [
      { name: 'throws', ok: false, what: 'no such host', todo },
      { name: 'hangs', ok: false, what: 'no answer within 3 seconds', todo },
      { name: 'is well', ok: true, what: 'well' },
    ],
  })
})
