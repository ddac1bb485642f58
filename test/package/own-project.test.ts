import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { freshDatabase } from '../support/world.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')
const strict = {
  target: 'es2023',
  module: 'nodenext',
  types: ['node'],
  noEmit: true,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  allowImportingTsExtensions: true,
  // The Temporal SDK's own declarations do not stand `exactOptionalPropertyTypes`.
  skipLibCheck: true,
}
/** As `docs/writing-a-playbook.md` has it made. */
const OWN = { name: 'own', private: true, type: 'module', overrides: { protobufjs: '8.8.1' } }
const taskQueue = `own-${randomUUID()}`

let project: string
let env: NodeJS.ProcessEnv
let stopWorker: () => Promise<number | null>
let drop: () => Promise<void>

/** What the commands print, with the exit code instead of a throw. */
async function countersign(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await run('npx', ['countersign', ...args], { cwd: project, env })
    return { code: 0, stdout, stderr }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'countersign-own-'))
  await cp(join(import.meta.dirname, 'own-project'), project, { recursive: true })
  await writeFile(join(project, 'package.json'), JSON.stringify(OWN))
  await run('npm', ['pack', '--silent', '--pack-destination', project], { cwd: root })
  const tarball = (await readdir(project)).find((name) => name.endsWith('.tgz'))
  await run('npm', ['install', '--silent', '--prefer-offline', `./${tarball}`, 'zod@4.6.7'], { cwd: project })
  const database = await freshDatabase()
  drop = database.drop
  env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    DATABASE_URL: database.url,
    COUNTERSIGN_HEALTH_ADDRESS: '127.0.0.1:0',
  }
  await run('npx', ['countersign', 'setup', '--task-queue', taskQueue], { cwd: project, env })
  // Not by `npx`, which may end without its child.
  const bin = join(project, 'node_modules', '.bin', 'countersign')
  const worker = spawn(process.execPath, [bin, 'worker', '--development', '--task-queue', taskQueue], {
    cwd: project,
    env,
  })
  stopWorker = () =>
    new Promise((resolve) => {
      worker.once('exit', resolve)
      worker.kill('SIGTERM')
    })
  await new Promise<void>((resolve, reject) => {
    let said = ''
    worker.stderr.on('data', (text) => {
      said += String(text)
      if (said.includes('ready')) resolve()
    })
    worker.once('exit', (code) => reject(new Error(`the worker left with ${code}: ${said}`)))
  })
}, 300_000)

afterAll(async () => {
  await stopWorker()
  await drop()
  await rm(project, { recursive: true, force: true })
})

const grow = (seats: number, ...more: readonly string[]) => {
  const request = JSON.stringify({ team: 'red', seats })
  return countersign('start', 'grow_team', '--request', request, '--by', 'ana', '--task-queue', taskQueue, ...more)
}

const effects = async () =>
  (await readFile(join(project, 'seats.log'), 'utf8').catch(() => '')).split('\n').filter(Boolean)

test('the published types check a project as strict as our own', async () => {
  const options = { ...strict, typeRoots: [join(root, 'node_modules', '@types')] }
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }))
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  await expect(run(tsc, ['-p', '.'], { cwd: project, env })).resolves.toMatchObject({ stdout: '' })
})

test('a playbook of twenty lines in an empty project is governed by its own policy', async () => {
  expect(await countersign('policy', 'check')).toMatchObject({ code: 0 })

  const allowed = await grow(2, '--wait', '--json')
  expect(JSON.parse(allowed.stdout)).toMatchObject({ result: { state: 'completed', outcome: { seats: 7 } } })
  expect(allowed.code).toBe(0)
  expect(await effects()).toHaveLength(1)

  const denied = await grow(500, '--wait', '--json')
  expect(JSON.parse(denied.stdout)).toMatchObject({ result: { state: 'refused' } })
  expect(denied.code).toBe(3)
  expect(await effects()).toHaveLength(1)
})

test('a failure is told with the path of its page in the package', async () => {
  const { code, stderr } = await countersign('undo', 'nobody', '--by', 'olga')
  expect(code).toBe(1)
  const page = /^ {2}docs {2}(\S+)$/m.exec(stderr)?.[1] ?? ''
  expect(page).toBe(join('node_modules', 'countersign', 'docs', 'failures', 'run_not_found.md'))
  expect(await readFile(join(project, page), 'utf8')).toMatch(/^# `run_not_found`\n/)
})

test('a saved history replays on the playbook, and not on one that reads twice', async () => {
  const { stdout } = await grow(3, '--wait', '--json')
  const { workflowId } = JSON.parse(stdout) as { readonly workflowId: string }
  const show = ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json']
  const saved = await run(inject('temporalCli'), show, { env, maxBuffer: 10_000_000 })
  await writeFile(join(project, 'saved.json'), saved.stdout)
  const replay = () => run('node', ['replay.ts', 'saved.json'], { cwd: project, env })
  await expect(replay()).resolves.toMatchObject({ stdout: '' })

  const file = join(project, 'workflows.ts')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('seats: request.seats }', 'seats: request.seats + 1 }'))
  const where = '`cloud.addSeats` (cloud.addSeats-1) at `input.seats`: the history has 3, the code sends 4'
  await expect(replay()).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining(`the activity ${where}\n`) })
  await writeFile(file, text.replace('const plan =', "await run.read(getPlan, { team: 'other' })\n    const plan ="))
  await expect(replay()).rejects.toThrow('TMPRL1100')
})
