import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { until } from '../support/world.ts'
import { countersign, inBackground, useFolder } from './cli.ts'
import { useWorkerChild } from './worker-child.ts'

const config = fileURLToPath(new URL('./fixtures/workshop/countersign.config.ts', import.meta.url))
const folder = useFolder()
const book = () => join(folder(), 'book.log')
const child = useWorkerChild(folder, { args: ['--config', config], env: () => ({ WORKSHOP_BOOK: book() }) })

const bookHas = (line: string) =>
  until(`\`${line}\` in the book`, async () => {
    const text = await readFile(book(), 'utf8').catch(() => '')
    return text.includes(`${line}\n`) ? true : undefined
  })

/** A worker on another task queue, of the version that is current already. */
const workerOf = (taskQueue: string) => [
  '--task-queue',
  taskQueue,
  '--deployment',
  child().taskQueue,
  '--config',
  config,
]

const start = (board: string, { thenFail = false, taskQueue = child().taskQueue } = {}) => {
  const request = JSON.stringify({ board, thenFail })
  const args = ['start', 'cut_wood', '--by', 'ana', '--id', `cut-${board}-${taskQueue}`, '--request', request]
  return child().run([...args, '--task-queue', taskQueue, '--json'])
}

test('a stuck compensation is shown as an incident with the command that settles it', async () => {
  const { workflowId } = JSON.parse((await start('oak', { thenFail: true })).stdout) as { workflowId: string }
  const run = child().client.run(workflowId)
  await until('an incident', async () => (await run.status()).incidents[0])
  const page = await child().run(['show', workflowId])
  expect(page.stdout).toContain('state     blocked, waiting for incident\n')
  expect(page.stdout).toContain(
    '`cut board oak` could not be undone: board oak cannot be glued  (precondition_failed, since ',
  )
  expect(page.stdout).toContain(`countersign resolve ${workflowId} workshop.cut-1 --as retry|settled --by <you>\n`)
  expect(page.stdout).toContain('  stuck      cut board oak  (workshop.cut-1)\n')

  const args = ['resolve', workflowId, 'workshop.cut-1', '--as', 'settled', '--by', 'olga', '--comment', 'new board']
  const resolved = await child().run(args)
  expect(resolved.stdout).toBe('the incident at `workshop.cut-1` is resolved as settled\n')
  expect(resolved.code).toBe(0)
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'settled' }] })
})

test('SIGTERM lets the running step finish, then the worker ends with exit code 0', async () => {
  const taskQueue = `${child().taskQueue}-drain`
  const { env } = child()
  const worker = inBackground(['worker', '--development', ...workerOf(taskQueue)], { env, cwd: folder() })
  await worker.says('ready')
  await start('elm', { taskQueue })
  await bookHas('begin elm')
  worker.signal('SIGTERM')
  const { code, stdout, stderr } = await worker.ended
  expect(stderr).toContain('SIGTERM: the worker finishes its running steps (once more ends at once)\n')
  expect(await readFile(book(), 'utf8')).toContain('done elm\n')
  expect(stdout).toBe('')
  expect(code).toBe(0)
})

test('a second signal ends the worker at once, with exit code 1', async () => {
  const taskQueue = `${child().taskQueue}-force`
  const { env } = child()
  const worker = inBackground(['worker', '--development', ...workerOf(taskQueue)], { env, cwd: folder() })
  await worker.says('ready')
  await start('ash', { taskQueue })
  await bookHas('begin ash')
  worker.signal('SIGINT')
  await worker.says('SIGINT: ')
  worker.signal('SIGINT')
  const { code, stderr } = await worker.ended
  expect(stderr).toContain('SIGINT again: ended without waiting\n')
  expect(code).toBe(1)
  expect(await readFile(book(), 'utf8')).not.toContain('done ash\n')
})

test('what a worker says at its start: where, which policy, which key, and that no model is configured', () => {
  const said = child().worker.stderr()
  expect(said).toContain('ready  Temporal ')
  expect(said).toContain(`task queue ${child().taskQueue}\n`)
  expect(said).toContain('playbook cut_wood, policy sha256:')
  expect(said).toContain('COUNTERSIGN_KEY_FILE is not set: receipts are signed with the development key in ')
  expect(said).toContain('COUNTERSIGN_MODELS is not set: the deterministic extractor answers in place of a model\n')
})

test('a key file or a model file that cannot be used keeps the worker from starting', async () => {
  const { env } = child()
  const startWith = (more: Readonly<Record<string, string>>) =>
    countersign(['worker', '--config', config], { env: { ...env, ...more }, cwd: folder() })
  const key = await startWith({ COUNTERSIGN_KEY_FILE: 'none.pem' })
  expect(key.stderr).toContain(
    'error: The key file `none.pem`, which COUNTERSIGN_KEY_FILE names, cannot be used: ENOENT',
  )
  expect(key.stderr).toContain('  code  config_invalid\n')
  expect(key.code).toBe(1)
  const models = await startWith({ COUNTERSIGN_MODELS: 'none.yaml' })
  expect(models.stderr).toContain('error: none.yaml: cannot be read (ENOENT)\n')
  expect(models.stderr).toContain('  code  models_invalid\n')
  expect(models.code).toBe(1)
})
