import { Connection } from '@temporalio/client'
import proto from '@temporalio/proto'
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { freshDatabase, query } from '../support/world.ts'
import { countersign, useFolder } from './cli.ts'

const folder = useFolder()
const BUILD_ID = expect.stringMatching(/^0\.\d+\.\d+-[0-9a-f]{16}$/) as string
let connection: Connection
let database: Awaited<ReturnType<typeof freshDatabase>>

beforeAll(async () => {
  connection = await Connection.connect({ address: inject('temporalAddress') })
  database = await freshDatabase()
})
afterAll(async () => {
  await connection.close()
  await database.drop()
})

/** A namespace without search attributes. */
async function newNamespace(): Promise<string> {
  const namespace = `cli-${randomUUID()}`
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: proto.google.protobuf.Duration.fromObject({ seconds: 86_400 }),
  })
  return namespace
}

const run = (args: readonly string[], namespace: string, more: Readonly<Record<string, string>> = {}) => {
  const address = inject('temporalAddress')
  const env = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, DATABASE_URL: database.url, ...more }
  return countersign(args, { cwd: folder(), env })
}

test('a worker without setup is refused; setup does what is missing, and says the second time that it was there', async () => {
  const namespace = await newNamespace()
  const worker = await run(['worker'], namespace)
  expect(worker).toMatchObject({ code: 1, stdout: '' })
  expect(worker.stderr).toContain(`error: Namespace \`${namespace}\` lacks the search attributes CountersignState, `)
  expect(worker.stderr).toContain('  help  Run `countersign setup`.\n  code  setup_needed\n')

  const first = await run(['setup'], namespace)
  expect(first.stdout).toContain('search attribute  CountersignState (Keyword)  added\n')
  expect(first.stdout).toContain('search attribute  CountersignSpendMicroUsd (Int)  added\n')
  expect(first.stdout).toContain('ledger  0001_ledger  applied\n')
  expect(first.stdout).toContain('tables of the project  up to date\n')
  expect(first.stdout).toMatch(/\nversion {2}0\.\S+-[0-9a-f]{16} of deployment countersign {2}made current\n$/)
  expect(first.stderr).toContain('(TEMPORAL_ADDRESS)\n')
  expect(first.stderr).not.toContain(new URL(database.url).password)
  expect(first.code).toBe(0)

  const second = await run(['setup', '--json'], namespace)
  expect(JSON.parse(second.stdout)).toEqual({
    temporal: { address: inject('temporalAddress'), namespace },
    searchAttributes: expect.arrayContaining([{ name: 'CountersignState', type: 'Keyword', state: 'present' }]),
    ledgerMigrations: [],
    projectTables: true,
    version: { deployment: 'countersign', buildId: BUILD_ID, state: 'current', current: BUILD_ID },
  })
  expect(second.stdout).not.toContain('added')
  expect(second.code).toBe(0)
  expect(await run(['list'], namespace)).toEqual({ code: 0, stdout: '', stderr: 'No run matches.\n' })
})

test('a worker on a database without the ledger is refused', async () => {
  const empty = await freshDatabase()
  try {
    const { code, stderr } = await run(['worker'], 'default', { DATABASE_URL: empty.url })
    expect(stderr).toContain('error: The ledger lacks 0001_ledger, ')
    expect(stderr).toContain('  help  Run `countersign setup`.\n  code  setup_needed\n')
    expect(code).toBe(1)
  } finally {
    await empty.drop()
  }
})

test('a search attribute of another type is an error that names it, its type and the way out', async () => {
  const namespace = await newNamespace()
  const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType
  const searchAttributes = { CountersignSpendMicroUsd: INDEXED_VALUE_TYPE_KEYWORD }
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes })
  for (const command of ['setup', 'worker']) {
    const { code, stderr } = await run([command], namespace)
    expect(stderr).toContain(
      `error: The search attribute CountersignSpendMicroUsd of namespace \`${namespace}\` is of type keyword, and must be Int.\n`,
    )
    expect(stderr).toContain('  code  search_attribute_conflict\n')
    expect(code).toBe(1)
  }
})

test('list in a namespace without the search attributes says to run setup', async () => {
  const { code, stderr } = await run(['list'], await newNamespace())
  expect(stderr).toContain('  help  Run `countersign setup`.\n  code  setup_needed\n')
  expect(code).toBe(1)
})

test('an unknown namespace is named', async () => {
  const { code, stderr } = await run(['show', 'x'], 'no-such-namespace')
  expect(stderr).toContain('no-such-namespace')
  expect(stderr).toContain('  code  namespace_unknown\n')
  expect(code).toBe(1)
})

test.each(['show', 'cancel', 'approve', 'undo'])('%s of an unknown run is exit code 1', async (command) => {
  const more = command === 'approve' || command === 'undo' ? ['--by', 'ben'] : []
  const { code, stdout, stderr } = await run([command, 'nothing-here', ...more], 'default')
  expect(stderr).toMatch(
    /^error: there is no run `nothing-here`, or it has closed\n {2}help {2}Check the workflow id and the namespace\.\n {2}code {2}run_not_found\n {2}docs {2}\S*docs\/failures\/run_not_found\.md\n$/,
  )
  expect(stdout).toBe('')
  expect(code).toBe(1)
})

test('a database that does not answer is named without its password', async () => {
  const url = 'postgres://ana:hunter2@127.0.0.1:1/ledger'
  const { code, stderr } = await run(['setup'], 'default', { DATABASE_URL: url })
  expect(stderr).toContain('error: The database 127.0.0.1:1/ledger, which DATABASE_URL names, cannot be used: ')
  expect(stderr).toContain('  code  database_unreachable\n')
  expect(stderr).not.toContain('hunter2')
  expect(code).toBe(1)
})

test('a worker does not start with a policy that has problems, and tells each', async () => {
  const own = join(folder(), 'broken')
  await mkdir(join(own, 'policies'), { recursive: true })
  await writeFile(join(own, 'policies', 'refund-request.yaml'), 'workflow: refund_request\nmax_tool_calls: -1\n')
  const sample = new URL('../../src/cli/sample-project.ts', import.meta.url).href
  await writeFile(
    join(own, 'countersign.config.mjs'),
    `import { sampleProject } from '${sample}'\n` +
      `export const project = { ...sampleProject, policies: import.meta.dirname + '/policies' }\n`,
  )
  const env = { TEMPORAL_ADDRESS: inject('temporalAddress'), DATABASE_URL: database.url }
  const { code, stderr } = await countersign(['worker'], { cwd: own, env })
  expect(stderr).toMatch(/error: \S+\/policies\/refund-request\.yaml:2:17 /)
  expect(stderr).toContain('  code  policy_invalid\n')
  expect(code).toBe(1)
  const check = await countersign(['policy', 'check'], { cwd: own, env })
  expect(check.stderr).toMatch(/^policies\/refund-request\.yaml:2:17 /)
  expect(check.code).toBe(3)
})

test('what a project file lacks is named', async () => {
  await writeFile(join(folder(), 'own.mjs'), `export const project = { workflows: 'workflows.ts' }\n`)
  const hole = await countersign(['policy', 'check', '--config', 'own.mjs'], { cwd: folder() })
  expect(hole.stderr).toContain('own.mjs` has no absolute path in `project.workflows`.\n')
  expect(hole.stderr).toContain('  code  config_invalid\n')
  expect(hole.code).toBe(1)
  const none = await countersign(['policy', 'check', '--config', 'none.ts'], { cwd: folder() })
  expect(none.stderr).toContain('none.ts` cannot be loaded: ')
  expect(none.code).toBe(1)
})

test('the database after setup holds the ledger and the sample tables, and no sample', async () => {
  const { rows } = await query(database.url, 'SELECT count(*)::int AS n FROM records.orders')
  expect(rows).toEqual([{ n: 0 }])
})
