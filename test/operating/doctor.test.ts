import { Connection } from '@temporalio/client'
import proto from '@temporalio/proto'
import { randomUUID } from 'node:crypto'
import { appendFile, chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { freePort } from '../../src/embedded/ports.ts'
import { newHostKey } from '../../src/identity/host-key.ts'
import { makeCurrent } from '../../src/worker/deployment.ts'
import { countersign, useFolder } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { scriptedEndpoint, status } from '../model/endpoint-server.ts'
import { freshDatabase, query, until } from '../support/world.ts'
import { bookOf, SHOP } from './shop.ts'

interface Finding {
  readonly state: 'ok' | 'warn' | 'FAIL'
  readonly name: string
  readonly what: string
  readonly todo?: string
}

const folder = useFolder()
const keyFile = () => join(folder(), 'key.pem')
beforeAll(() => writeFile(keyFile(), newHostKey(), { mode: 0o600 }))
const child = useWorkerChild(folder, {
  args: ['--config', SHOP],
  env: () => ({ SHOP_BOOK: bookOf(folder()).path, COUNTERSIGN_KEY_FILE: keyFile() }),
})
const built = () => join(folder(), 'built')
beforeAll(async () => {
  await countersign(['build', '--config', SHOP, '--out', built()], { cwd: folder() })
})
let connection: Connection
beforeAll(async () => {
  connection = await Connection.connect({ address: inject('temporalAddress') })
})
afterAll(() => connection.close())

interface Asked {
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  readonly config?: string
}

/** What the doctor finds where everything is as the worker of this file has it but for what is said. It is quicker with a bundle. */
async function findings({ env = {}, args = [], config = SHOP }: Asked = {}) {
  const queue = ['--task-queue', child().taskQueue]
  const all = [
    'doctor',
    '--json',
    '--config',
    config,
    ...(config === SHOP ? ['--bundle', built()] : []),
    ...queue,
    ...args,
  ]
  const { code, stdout, stderr } = await countersign(all, { env: { ...child().env, ...env }, cwd: folder() })
  expect(stderr).toBe('')
  const said = JSON.parse(stdout) as { ok: boolean; findings: readonly Finding[] }
  const failing = said.findings.filter(({ state }) => state === 'FAIL')
  expect({ ok: said.ok, code }).toEqual(failing.length === 0 ? { ok: true, code: 0 } : { ok: false, code: 3 })
  for (const { state, todo } of said.findings) expect(todo === undefined).toBe(state === 'ok')
  const of = (name: string) => said.findings.filter((finding) => finding.name === name)
  return { all: said.findings, failing: failing.map(({ name }) => name), of, stdout }
}

test('a worker that has all it needs: a line each, nothing fails, nothing is changed, exit code 0', async () => {
  const args = ['doctor', '--config', SHOP, '--task-queue', child().taskQueue]
  const before = await readdir(folder())
  const { code, stdout, stderr } = await countersign(args, { env: child().env, cwd: folder() })
  const names = stdout
    .trimEnd()
    .split('\n')
    .map((line) => /^(ok|warn)\s+([a-z-]+)\s/.exec(line)?.[2])
  expect(names).toEqual([
    'contracts',
    'policies',
    'bundle',
    'exports',
    'temporal',
    'namespace',
    'search-attributes',
    'versions',
    'database',
    'clock',
    'ledger',
    'ledger-writes',
    'ledger-effects',
    'outbox',
    'seals',
    'key',
    'master-keys',
    'models',
  ])
  expect(stdout).toMatch(/^ok {4}temporal +127\.0\.0\.1:\d+ \(TEMPORAL_ADDRESS\) answers, server 1\.\d+\.\d+$/m)
  expect(stdout).toMatch(/^ok {4}search-attributes +all 6 are registered, each with its type$/m)
  expect(stdout).toMatch(
    new RegExp(`^ok {4}versions +0\\.\\S+ of deployment \`${child().taskQueue}\` is current, and polls`, 'm'),
  )
  expect(stdout).toMatch(/^ok {4}key +[0-9a-f]{32} can be used, and is published$/m)
  expect(stdout).toMatch(/^ok {4}clock +this machine and the database agree within two seconds$/m)
  expect(stderr).toBe('Nothing keeps a worker from its work.\n')
  expect(code).toBe(0)
  expect(await readdir(folder())).toEqual(before)
  expect((await query(child().databaseUrl, "SELECT 1 FROM countersign.keys WHERE key_id = 'doctor'")).rows).toEqual([])
})

test('nothing is there: each part says so, what to do, and no password', async () => {
  const env = {
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    DATABASE_URL: 'postgres://ana:hunter2@127.0.0.1:1/ledger',
    COUNTERSIGN_KEY_FILE: join(folder(), 'none.pem'),
    COUNTERSIGN_MODELS: 'none.yaml',
  }
  const found = await findings({ env })
  expect(found.failing).toEqual(['temporal', 'database', 'key', 'models'])
  expect(found.of('temporal')).toMatchObject([
    {
      what: 'No Temporal answers at 127.0.0.1:1, which TEMPORAL_ADDRESS names.',
      todo: expect.stringContaining('Start it, or correct the address'),
    },
  ])
  expect(found.of('database')[0]?.what).toContain(
    'The database 127.0.0.1:1/ledger, which DATABASE_URL names, cannot be used',
  )
  expect(found.of('key')).toMatchObject([
    { what: expect.stringContaining('there is no file `'), todo: expect.stringContaining('openssl genpkey') },
  ])
  expect(found.of('models')).toMatchObject([{ what: 'none.yaml: cannot be read (ENOENT)' }])
  expect(found.stdout).not.toContain('hunter2')
})

test('nothing is configured: Temporal and database are asked for, and no key is made', async () => {
  const { stdout, code } = await countersign(['doctor', '--json', '--config', SHOP], { cwd: folder() })
  const { findings: all } = JSON.parse(stdout) as { findings: readonly Finding[] }
  expect(all.filter(({ state }) => state === 'FAIL')).toMatchObject([
    { name: 'temporal', what: expect.stringContaining('TEMPORAL_ADDRESS is not set') },
    { name: 'database', what: expect.stringContaining('DATABASE_URL is not set') },
  ])
  expect(code).toBe(3)
  const own = await findings({ env: { COUNTERSIGN_KEY_FILE: '' }, args: ['--state-dir', 'nowhere'] })
  expect(own.of('key')).toMatchObject([
    { state: 'warn', what: expect.stringContaining('a worker makes a development key') },
  ])
  expect(await readdir(folder())).not.toContain('nowhere')
})

/** A namespace of its own, without search attributes. */
async function newNamespace(days: number): Promise<string> {
  const namespace = `doctor-${randomUUID()}`
  const keep = proto.google.protobuf.Duration.fromObject({ seconds: days * 86_400 })
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: keep })
  return namespace
}

test('a namespace that is not there, and one that was not set up', async () => {
  const unknown = await findings({ env: { TEMPORAL_NAMESPACE: 'no-such-namespace' } })
  expect(unknown.failing).toEqual(['namespace'])
  expect(unknown.of('namespace')[0]?.what).toContain('no-such-namespace')
  expect(unknown.of('namespace')[0]?.todo).toContain('TEMPORAL_NAMESPACE')

  const namespace = await newNamespace(2)
  const bare = await findings({ env: { TEMPORAL_NAMESPACE: namespace } })
  expect(bare.failing).toEqual(['search-attributes', 'versions'])
  expect(bare.of('namespace')).toMatchObject([{ state: 'warn', what: expect.stringContaining('for 2 days') }])
  expect(bare.of('search-attributes')).toMatchObject([
    { what: expect.stringContaining(`\`${namespace}\` lacks CountersignState, `), todo: 'Run `countersign setup`.' },
  ])
  expect(bare.of('versions')[0]?.what).toBe(
    `no version of deployment \`${child().taskQueue}\` is current, so new runs wait`,
  )

  const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType
  const searchAttributes = { CountersignSpendMicroUsd: INDEXED_VALUE_TYPE_KEYWORD }
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes })
  const other = await until('the attribute', async () => {
    const found = await findings({ env: { TEMPORAL_NAMESPACE: namespace } })
    return found.of('search-attributes')[0]?.what.includes('is of type keyword, and must be Int') ? found : undefined
  })
  expect(other.of('search-attributes')[0]).toMatchObject({
    state: 'FAIL',
    todo: expect.stringContaining('search-attribute remove'),
  })
})

test('a current version of which no worker polls, other code in this folder, and open runs that nobody serves', async () => {
  const deployment = child().taskQueue
  const [, buildId = ''] = /version (\S+) of deployment/.exec(child().worker.stderr()) ?? []
  // Nobody polls this queue.
  const args = ['--deployment', deployment, '--task-queue', `${deployment}-deserted`]
  expect((await findings({ args })).of('versions')).toMatchObject([
    { state: 'warn', what: expect.stringContaining(`no worker of the current version ${buildId} has polled`) },
  ])

  const principal = { subject: 'ana', workspace: 'acme' }
  const run = await child().client.start('holds', { word: 'long' }, { principal, workflowId: `holds-${deployment}` })
  await bookOf(folder()).has('begin long')
  await makeCurrent(connection, 'default', { deployment, buildId: '0.1.0-next' })
  const found = await until('the open run', async () => {
    const all = await findings({ args })
    return all.failing.length > 0 ? all : undefined
  })
  expect(found.of('versions')).toMatchObject([
    { state: 'warn' },
    { state: 'FAIL', what: `1 open runs are pinned to ${buildId}, of which no worker polls` },
  ])
  await makeCurrent(connection, 'default', { deployment, buildId })
  await appendFile(bookOf(folder()).path, 'let go of long\n')
  expect(await run.outcome()).toMatchObject({ state: 'completed' })

  const config = join(import.meta.dirname, '..', 'cli', 'fixtures', 'workshop', 'countersign.config.ts')
  expect((await findings({ config })).of('versions')).toMatchObject([
    {
      state: 'warn',
      what: expect.stringMatching(/ is current and polled; the code in this folder is 0\.1\.0-[0-9a-f]{16}$/),
    },
  ])
})

test('a database without the ledger, with half of it, and one whose role may not write', async () => {
  const empty = await freshDatabase()
  onTestFinished(empty.drop)
  const bare = await findings({ env: { DATABASE_URL: empty.url } })
  expect(bare.failing).toEqual(['ledger'])
  expect(bare.of('ledger')).toMatchObject([
    { what: expect.stringContaining('lacks 0001_ledger, '), todo: 'Run `countersign setup`.' },
  ])

  await countersign(['setup', '--config', SHOP, '--task-queue', child().taskQueue], {
    env: { ...child().env, DATABASE_URL: empty.url },
    cwd: folder(),
  })
  const { rows } = await query(
    empty.url,
    'DELETE FROM countersign.kysely_migration WHERE name = (SELECT max(name) FROM countersign.kysely_migration) RETURNING *',
  )
  const half = await findings({ env: { DATABASE_URL: empty.url } })
  expect(half.of('ledger')).toMatchObject([{ state: 'FAIL', what: `lacks ${String(rows[0]?.['name'])}` }])
  const put = 'INSERT INTO countersign.kysely_migration (name, timestamp) VALUES ($1, $2)'
  await query(empty.url, put, [rows[0]?.['name'], rows[0]?.['timestamp']])

  const role = `reader_${randomUUID().replaceAll('-', '')}`
  await query(empty.url, `CREATE ROLE ${role} LOGIN PASSWORD 'reads'`)
  await query(empty.url, `GRANT USAGE ON SCHEMA countersign TO ${role}`)
  await query(empty.url, `GRANT SELECT ON ALL TABLES IN SCHEMA countersign TO ${role}`)
  const url = new URL(empty.url)
  url.username = role
  url.password = 'reads'
  const reader = await findings({ env: { DATABASE_URL: url.href } })
  expect(reader.failing).toEqual(['ledger-writes'])
  expect(reader.of('ledger-writes')[0]?.what).toContain('the role lacks INSERT on policies, INSERT on runs, ')
  expect(reader.of('ledger-writes')[0]?.todo).toContain('GRANT')
  await query(empty.url, `DROP OWNED BY ${role}`)
  await query(empty.url, `DROP ROLE ${role}`)

  const name = new URL(empty.url).pathname.slice(1)
  await query(empty.url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`)
  const standby = await findings({ env: { DATABASE_URL: empty.url } })
  expect(standby.failing).toEqual(['ledger-writes'])
  expect(standby.of('ledger-writes')[0]).toMatchObject({
    what: expect.stringContaining('cannot be written: cannot execute INSERT in a read-only transaction'),
    todo: expect.stringContaining('Name the primary'),
  })
})

test('a database that may lose what it has committed, and effects of unknown outcome', async () => {
  const { databaseUrl } = child()
  const name = new URL(databaseUrl).pathname.slice(1)
  await query(databaseUrl, `ALTER DATABASE ${name} SET synchronous_commit = off`)
  const digest = `sha256:${'0'.repeat(64)}`
  await query(databaseUrl, 'INSERT INTO countersign.policies (digest, workflow, text) VALUES ($1, $2, $2)', [
    digest,
    'x',
  ])
  await query(
    databaseUrl,
    `INSERT INTO countersign.runs (run_key, workflow_id, workflow_type, policy_digest, principal, request_digest, kernel_version, build_id)
     VALUES ('planted/1', 'planted', 'waits', $1, '{}', $1, '0', '0')`,
    [digest],
  )
  await query(
    databaseUrl,
    `INSERT INTO countersign.effects (run_key, step, tool, state, input, input_digest) VALUES ('planted/1', 's', 't', 'unknown', '{}', 'd')`,
  )
  onTestFinished(async () => {
    await query(databaseUrl, "DELETE FROM countersign.effects WHERE run_key = 'planted/1'")
    await query(databaseUrl, `ALTER DATABASE ${name} RESET synchronous_commit`)
  })
  const found = await findings()
  expect(found.failing).toEqual([])
  expect(found.of('database')).toMatchObject([
    { state: 'warn', what: expect.stringMatching(/, with (fsync|synchronous_commit) off$/) },
  ])
  expect(found.of('ledger-effects')).toMatchObject([
    { state: 'warn', what: expect.stringContaining('1 of unknown outcome') },
  ])
})

test('a clock that is wrong is told, and by how much', async () => {
  const shift = (ms: number) =>
    findings({
      env: {
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`const now = Date.now; Date.now = () => now() + ${ms}`)}`,
      },
    })
  const slightly = await shift(10_000)
  expect(slightly.of('clock')).toMatchObject([
    { state: 'warn', what: expect.stringMatching(/are (9|10)\.\d s apart$/) },
  ])
  const badly = await shift(-3_600_000)
  expect(badly.failing).toContain('clock')
  expect(badly.of('clock')[0]?.todo).toContain('NTP')
})

test('a key that everybody can read, one that is none, and one that is not published', async () => {
  const open = join(folder(), 'open.pem')
  await writeFile(open, newHostKey())
  await chmod(open, 0o644)
  const readable = await findings({ env: { COUNTERSIGN_KEY_FILE: open } })
  expect(readable.failing).toEqual(['key'])
  expect(readable.of('key')[0]).toMatchObject({
    what: `everybody on this machine can read \`${open}\`, and sign as this host`,
    todo: `Run \`chmod o= ${open}\`.`,
  })
  await chmod(open, 0o600)
  expect((await findings({ env: { COUNTERSIGN_KEY_FILE: open } })).of('key')).toMatchObject([
    { state: 'warn', what: expect.stringContaining('is not published yet') },
  ])
  await writeFile(open, 'no key')
  const none = await findings({ env: { COUNTERSIGN_KEY_FILE: open } })
  expect(none.failing).toEqual(['key'])
  expect(none.of('key')[0]?.what).toContain(`\`${open}\` cannot be used: `)
})

test('a policy with a problem, a thought that nobody answers, a tool without implementation, and no project', async () => {
  const own = join(folder(), 'own')
  await mkdir(join(own, 'policies'), { recursive: true })
  for (const name of ['gossips', 'holds', 'waits']) {
    const text = await readFile(join(import.meta.dirname, 'fixtures', 'shop', 'policies', `${name}.yaml`), 'utf8')
    await writeFile(join(own, 'policies', `${name}.yaml`), name === 'holds' ? `${text}max_tool_calls: -1\n` : text)
  }
  const config = join(own, 'own.mjs')
  await writeFile(
    config,
    `import { project as shop } from '${SHOP}'\n` +
      `export const project = { ...shop, policies: import.meta.dirname + '/policies', deterministic: {}, tools: shop.tools.slice(1) }\n`,
  )
  const found = await findings({ config })
  expect(found.failing).toEqual(['contracts', 'policies', 'models'])
  expect(found.of('contracts')[0]?.what).toBe('`shop.gossip`, listed by `gossips`, has no implementation')
  expect(found.of('policies')[0]?.what).toMatch(/holds\.yaml:\d+:\d+ /)
  expect(found.of('models')[0]).toMatchObject({ what: 'nobody answers shop.muse (extract)' })

  const none = await findings({ config: join(own, 'none.mjs') })
  expect(none.failing).toEqual(['project'])
  expect(none.of('project')[0]?.what).toContain('none.mjs` cannot be loaded: ')
})

test('a bundle of other files is told', async () => {
  expect((await findings()).of('bundle')[0]?.what).toMatch(/^`\S+built` is 0\.1\.0-[0-9a-f]{16} of these files$/)
  const config = join(import.meta.dirname, '..', 'cli', 'fixtures', 'workshop', 'countersign.config.ts')
  const other = await findings({ args: ['--bundle', built()], config })
  expect(other.failing).toEqual(['bundle'])
  expect(other.of('bundle')[0]?.todo).toContain('countersign build')
})

const models = async (url: string): Promise<string> => {
  const file = join(folder(), `models-${randomUUID()}.yaml`)
  const entry = `{ provider: compatible, endpoint: '${url}', model: m-1, apiKeyEnv: SHOP_KEY, timeoutSeconds: 5, price: { inputUsdPerMillionTokens: 1, outputUsdPerMillionTokens: 1 } }`
  await writeFile(file, `roles:\n  extract: ${entry}\n  plan: ${entry}\n`)
  return file
}

test('a model that answers is asked once for all its roles, with nothing of ours; `--no-model` asks none', async () => {
  const body = {
    id: 'x',
    object: 'chat.completion',
    created: 1,
    model: 'm-1',
    choices: [{ index: 0, message: { role: 'assistant', content: '{"ok":true}' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
  }
  await using endpoint = await scriptedEndpoint(status(200, {}, JSON.stringify(body)))
  const env = { COUNTERSIGN_MODELS: await models(endpoint.url), SHOP_KEY: 'sk-secret-1' }
  const silent = await findings({ env, args: ['--no-model'] })
  expect(endpoint.requests).toHaveLength(0)
  expect(silent.of('model-endpoints')).toMatchObject([{ state: 'ok', what: expect.stringContaining('were not asked') }])
  const asked = await findings({ env })
  expect(endpoint.requests).toHaveLength(1)
  expect(endpoint.requests[0]).toMatchObject({
    headers: { authorization: 'Bearer sk-secret-1' },
    body: { model: 'm-1', max_tokens: 16 },
  })
  expect(JSON.stringify(endpoint.requests[0]?.body)).not.toContain('shop')
  expect(asked.of('model-endpoints')).toMatchObject([
    { state: 'ok', what: `m-1 (extract, plan) at ${endpoint.url} answered one call of 16 tokens, for $0.0002` },
  ])
  expect(asked.stdout).not.toContain('sk-secret-1')
})

test('a model that refuses the key, that cannot be reached, and whose key is not set', async () => {
  await using endpoint = await scriptedEndpoint(status(401))
  const env = { COUNTERSIGN_MODELS: await models(endpoint.url), SHOP_KEY: 'sk-secret-1' }
  const refused = await findings({ env })
  expect(refused.failing).toEqual(['model-endpoints'])
  expect(refused.of('model-endpoints')[0]?.what).toContain('answered with status 401: check the key in `SHOP_KEY`')
  expect(refused.stdout).not.toContain('SECRET-ECHO')

  const nobody = await findings({
    env: { ...env, COUNTERSIGN_MODELS: await models(`http://127.0.0.1:${await freePort()}/v1`) },
  })
  expect(nobody.failing).toEqual(['model-endpoints'])
  expect(nobody.of('model-endpoints')[0]?.what).toContain('cannot be reached (ECONNREFUSED)')

  const keyless = await findings({ env: { COUNTERSIGN_MODELS: env.COUNTERSIGN_MODELS } })
  expect(keyless.failing).toEqual(['model-endpoints'])
  expect(keyless.of('model-endpoints')[0]?.what).toContain('the environment variable `SHOP_KEY` is not set to a key')
})
