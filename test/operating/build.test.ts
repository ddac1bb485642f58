import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { codeOf } from '../../src/contract/failures.ts'
import { assertWhole, PAYLOAD_CONVERTER } from '../../src/worker/bundle-files.ts'
import { bundlePlaybooks } from '../../src/worker/bundle.ts'
import { countersign, inBackground, useFolder } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { SHIPPED_WORKFLOWS } from '../support/world.ts'
import { bookOf } from './shop.ts'

const root = join(import.meta.dirname, '..', '..')
const SHOP_FOLDER = join(import.meta.dirname, 'fixtures', 'shop')
const folder = useFolder()
const config = join(SHOP_FOLDER, 'countersign.config.ts')
const child = useWorkerChild(folder, { args: ['--config', config], env: () => ({ SHOP_BOOK: bookOf(folder()).path }) })

/** A copy of the shop that can be changed, and of the kernel where it is to have its own. */
async function shopCopy({ ownKernel = false, keep = false } = {}): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'countersign-shop-'))
  if (!keep) onTestFinished(() => rm(copy, { recursive: true, force: true }))
  await cp(SHOP_FOLDER, copy, { recursive: true })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  await writeFile(join(copy, 'package.json'), '{"type":"module"}')
  if (ownKernel) {
    for (const part of ['src/contract', 'src/policy', 'workflows/kernel']) {
      await cp(join(root, part), join(copy, part), { recursive: true })
    }
  }
  for (const name of ['contracts.ts', 'workflows.ts', 'countersign.config.ts']) {
    const text = await readFile(join(copy, name), 'utf8')
    const home = ownKernel && name === 'workflows.ts' ? copy : root
    await writeFile(join(copy, name), text.replaceAll('../../../../', `${home}/`))
  }
  return copy
}

const edit = async (file: string, change: (text: string) => string) => {
  const before = await readFile(file, 'utf8')
  const after = change(before)
  expect(after).not.toBe(before)
  await writeFile(file, after)
}

const build = (copy: string, out = join(copy, 'out')) =>
  countersign(['build', '--config', join(copy, 'countersign.config.ts'), '--out', out])

test('a worker runs what was built ahead of time, as the version that bundling at its start gives', async () => {
  const taskQueue = `${child().taskQueue}-built`
  const out = join(folder(), 'built')
  const built = await countersign(['build', '--config', config, '--out', out, '--json'])
  expect(built).toMatchObject({ code: 0, stderr: '' })
  const { buildId, playbooks } = JSON.parse(built.stdout) as { buildId: string; playbooks: readonly string[] }
  expect(playbooks).toEqual(['gossips', 'holds', 'waits'])
  expect(child().worker.stderr()).toContain(`version ${buildId} of deployment ${child().taskQueue}, current\n`)
  const text = await readFile(join(out, 'playbooks.json'), 'utf8')
  expect(text).not.toContain(root)

  const args = [
    'worker',
    '--development',
    '--config',
    config,
    '--task-queue',
    taskQueue,
    '--deployment',
    child().taskQueue,
  ]
  const worker = inBackground([...args, '--bundle', out], { env: child().env, cwd: folder() })
  await worker.says(`version ${buildId} of deployment ${child().taskQueue}, current\n`)
  const request = ['--request', '{"word":"0"}', '--id', `waits-${taskQueue}`, '--by', 'ana', '--task-queue', taskQueue]
  expect(await child().run(['start', 'waits', ...request, '--wait'])).toMatchObject({ code: 0 })
  worker.signal('SIGTERM')
  expect(await worker.ended).toMatchObject({ code: 0 })
})

test('the same code is built into the same files', async () => {
  const [one, other] = [join(folder(), 'one'), join(folder(), 'other')]
  for (const out of [one, other]) await countersign(['build', '--config', config, '--out', out])
  expect(await readdir(one)).toEqual(['playbooks.js', 'playbooks.json'])
  for (const name of await readdir(one)) {
    expect(await readFile(join(one, name), 'utf8')).toBe(await readFile(join(other, name), 'utf8'))
  }
})

const manifest = (copy: string) => join(copy, 'out', 'playbooks.json')

/** What is changed after the build, and what is said of it. */
const CHANGED: readonly (readonly [string, (copy: string) => Promise<void>, string])[] = [
  [
    'a contract that says something else since the build',
    (copy) => edit(join(copy, 'contracts.ts'), (text) => text.replace("risk: 'low'", "risk: 'medium'")),
    "was made of other files than the worker's: contracts.ts differs.",
  ],
  [
    'a playbook that was changed since the build',
    (copy) => edit(join(copy, 'workflows.ts'), (text) => text.replace('so it says', 'they say')),
    "was made of other files than the worker's: workflows.ts differs.",
  ],
  [
    'code that was added to the bundle, behind its source map too',
    (copy) => edit(join(copy, 'out', 'playbooks.js'), (text) => `${text}\nglobalThis.gotIn = true\n`),
    'it was changed since.',
  ],
  [
    'a bundle of another kernel',
    (copy) => edit(manifest(copy), (text) => text.replace('"kernelVersion": "0', '"kernelVersion": "9')),
    'has the kernel 9.1.0, this worker is of 0.1.0.',
  ],
  [
    'a bundle of another SDK',
    (copy) => edit(manifest(copy), (text) => text.replace('"sdkVersion": "1', '"sdkVersion": "9')),
    "was made by Temporal's SDK 9.24.0, this worker has 1.24.0.",
  ],
  [
    'a file gone that was bundled',
    (copy) => edit(manifest(copy), (text) => text.replace('"contracts.ts"', '"prices.ts"')),
    'prices.ts is missing.',
  ],
  [
    'a manifest of another form',
    (copy) => edit(manifest(copy), (text) => text.replace('"v": 1', '"v": 2')),
    'is not what this version writes: ',
  ],
  ['a manifest that is no JSON', (copy) => edit(manifest(copy), (text) => text.slice(1)), 'is not JSON.'],
  ['no bundle at all', (copy) => rm(join(copy, 'out'), { recursive: true }), 'cannot be read: ENOENT.'],
]

/** A shop with its bundle: made once, and copied, since a bundle is worth as much wherever it lies with its files. */
let built: Promise<string> | undefined
async function builtCopy(): Promise<string> {
  built ??= shopCopy({ keep: true }).then(async (copy) => {
    expect(await build(copy)).toMatchObject({ code: 0 })
    return copy
  })
  const copy = await mkdtemp(join(tmpdir(), 'countersign-shop-'))
  onTestFinished(() => rm(copy, { recursive: true, force: true }))
  await cp(await built, copy, { recursive: true })
  return copy
}
afterAll(async () => {
  if (built !== undefined) await rm(await built, { recursive: true, force: true })
})

test.each(CHANGED)('a worker does not run with %s, and no effect happens', async (_what, change, said) => {
  const copy = await builtCopy()
  await change(copy)
  const taskQueue = `${child().taskQueue}-changed`
  const word = `waits-${taskQueue}-${said.length}`
  const start = ['start', 'waits', '--by', 'ana', '--id', word, '--task-queue', taskQueue]
  await child().run([...start, '--request', JSON.stringify({ word })])
  const args = ['--config', join(copy, 'countersign.config.ts'), '--task-queue', taskQueue]
  const ran = await countersign(
    ['worker', '--development', ...args, '--deployment', child().taskQueue, '--bundle', join(copy, 'out')],
    {
      env: child().env,
      cwd: folder(),
    },
  )
  expect(ran.stderr).toContain(said)
  expect(ran.stderr).toContain('  help  Run `countersign build` where the worker runs, on the same files;')
  expect(ran.stderr).toContain('  code  bundle_invalid\n')
  expect(ran.stderr).not.toContain('ready')
  expect(ran.code).toBe(1)
  expect(await bookOf(folder()).read()).not.toContain(word)
})

/** What is wrong with the workflows file, and what the build says of it. */
const BROKEN: readonly (readonly [string, (text: string) => string, string])[] = [
  [
    'a workflow that is no playbook beside the others',
    (text) => `${text}\nexport async function raw(): Promise<void> {}\n`,
    'the workflow `raw` was not made with `playbook`',
  ],
  [
    'a default export that is no playbook',
    (text) => `${text}\nexport default async function (): Promise<void> {}\n`,
    'the workflow `default` was not made with `playbook`',
  ],
  [
    'a playbook under another name than its own',
    (text) => text.replace('export const waits', 'export const dawdles'),
    'the playbook `waits` is exported as `dawdles`',
  ],
  ['no playbook', () => 'export const nothing = 1\n', 'the workflows file exports no playbook'],
  [
    'a hole in a contract',
    (text) => text.replace("title: 'Waits'", "title: ''"),
    'the contract of `waits` has a hole: title',
  ],
  [
    'an import that the sandbox does not have',
    (text) => `import { createServer } from 'node:http'\n${text}\nexport const server = [createServer]\n`,
    'cannot be bundled',
  ],
]

test.each(BROKEN)('a build fails on %s, and writes nothing', async (_what, change, said) => {
  const copy = await shopCopy()
  await edit(join(copy, 'workflows.ts'), change)
  const { code, stdout, stderr } = await build(copy)
  expect(stderr).toContain(said)
  expect(stderr).toContain('  code  contract_incomplete\n')
  expect(stdout).toBe('')
  expect(code).toBe(1)
  expect(await readdir(copy)).not.toContain('out')
})

test('a build fails where the playbooks import another copy of the kernel, and writes nothing', async () => {
  const copy = await shopCopy({ ownKernel: true })
  const { code, stderr } = await build(copy)
  expect(stderr).toMatch(/the bundle holds `workflows\/kernel\/\w+` twice, also from `\S+countersign-shop-/)
  expect(stderr).toContain('  code  contract_incomplete\n')
  expect(code).toBe(1)
  expect(await readdir(copy)).not.toContain('out')
})

test('a bundle is whole with each file that the guard relies on, and with none less', async () => {
  const { files } = await bundlePlaybooks(SHIPPED_WORKFLOWS)
  expect(files).toContain(PAYLOAD_CONVERTER)
  const tails = ['payload-converter', 'shared-modules', 'kernel/playbook', 'kernel/run', 'decide/index']
  for (const tail of tails) {
    const less = new Set([...files].filter((file) => !file.endsWith(`${tail}.ts`)))
    expect(less.size).toBe(files.size - 1)
    let code: string | undefined
    try {
      assertWhole(less)
    } catch (error) {
      code = codeOf(error)
    }
    expect(code, tail).toBe('contract_incomplete')
  }
})
