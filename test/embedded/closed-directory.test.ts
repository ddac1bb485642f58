import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { startPostgres } from '../../src/embedded/index.ts'
import type { StackInfo } from '../../src/embedded/index.ts'
import type { PostgresBinaries } from '../../src/embedded/postgres-binaries.ts'
import { reachableBinaries } from '../../src/embedded/postgres-copy.ts'
import type { RunAs } from '../../src/embedded/run-as.ts'
import { ended, firstLine, startFixture } from './fixtures/child.ts'
import { closedCheckout, closedDir } from './fixtures/closed.ts'
import { failureOf } from './fixtures/failure.ts'
import { temporaryDir } from './fixtures/places.ts'
import { allGone } from './fixtures/processes.ts'
import { query } from './fixtures/query.ts'
import { bare } from './fixtures/stacks.ts'

const ourUid = process.getuid?.() ?? 0

/** Whether it runs as we do. PostgreSQL runs only as the owner of its data directory, so the owner tells. */
async function runsAsUs(dataDir: string): Promise<boolean> {
  return (await stat(join(dataDir, 'postmaster.pid'))).uid === ourUid
}

async function permissions(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777
}

test('a checkout in a closed directory runs, keeps its data there, and the directory stays closed', async () => {
  const checkout = await closedCheckout()
  const stateDir = join(checkout, '.countersign')
  const fixture = pathToFileURL(join(checkout, 'test/embedded/fixtures/hold-stack.ts'))
  const env = { ...bare, TMPDIR: process.env['TMPDIR'], TEMPORAL_ADDRESS: 'temporal.example:7233' }
  const run = async (work: (up: StackInfo) => Promise<void>): Promise<void> => {
    const child = startFixture(fixture, [stateDir, 'wait'], env)
    try {
      const { up } = await firstLine<{ up: StackInfo }>(child)
      await work(up)
      child.kill('SIGKILL')
      await allGone([up.servers.postgresPid])
    } finally {
      child.kill('SIGKILL')
      await ended(child)
    }
  }
  await run(async ({ databaseUrl }) => {
    await query(databaseUrl, 'create table kept as select 7 as n')
    // The server reads its files again by the name it was started with.
    await query(databaseUrl, 'select pg_reload_conf()')
    expect(await query(databaseUrl, 'select count(*) > 0 as ok from pg_hba_file_rules')).toEqual([{ ok: true }])
    expect(await runsAsUs(join(stateDir, 'postgres'))).toBe(ourUid !== 0)
  })
  await run(async ({ databaseUrl }) => {
    expect(await query(databaseUrl, 'select n from kept')).toEqual([{ n: 7 }])
  })
  expect(await permissions(dirname(checkout))).toBe(0o700)
})

test('a symbolic link that leads into a closed directory is seen through', async () => {
  const closed = await closedDir()
  await mkdir(join(closed, 'state'))
  const link = join(closed, '..', 'link')
  await symlink(join(closed, 'state'), link)
  const server = await startPostgres({ dataDir: join(link, 'postgres'), progress: () => undefined })
  onTestFinished(() => server.stop())
  expect(await query(server.url, 'select 1 as n')).toEqual([{ n: 1 }])
  expect(await runsAsUs(join(closed, 'state', 'postgres'))).toBe(ourUid !== 0)
  expect(await permissions(closed)).toBe(0o700)
})

/** An installation under a strict umask in a closed directory, a user who may not enter that, and an empty cache. */
async function installation(): Promise<{ installed: PostgresBinaries; stranger: RunAs; cache: string }> {
  const cache = join(await temporaryDir(), 'cache')
  const native = join(await closedDir(), 'native')
  const bin = join(native, 'bin')
  for (const folder of [bin, join(native, 'lib')]) await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const name of ['postgres', 'initdb']) await writeFile(join(bin, name), name, { mode: 0o700 })
  await writeFile(join(native, 'lib', 'libpq.so.5.18'), 'pq', { mode: 0o600 })
  await symlink('libpq.so.5.18', join(native, 'lib', 'libpq.so.5'))
  const installed = { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') }
  return { installed, stranger: { uid: ourUid + 1, gid: (process.getgid?.() ?? 0) + 1 }, cache }
}

test('executables in a closed directory are copied once, for everyone to run, and the copy is said', async () => {
  const { installed, stranger, cache } = await installation()
  const said: string[] = []
  const find = async (): Promise<string> =>
    (await reachableBinaries(installed, stranger, (line) => said.push(line), cache)).postgres
  const [copy, same] = await Promise.all([find(), find()])
  expect(same).toBe(copy)
  expect(await readFile(copy, 'utf8')).toBe('postgres')
  expect(await permissions(copy)).toBe(0o755)
  const library = join(dirname(copy), '..', 'lib', 'libpq.so.5')
  expect(await readFile(library, 'utf8')).toBe('pq')
  expect(await permissions(library)).toBe(0o644)
  expect(said).toEqual([expect.stringContaining(dirname(dirname(copy)))])
})

test('a copy that lost a file is made again, and another version gets its own', async () => {
  const { installed, stranger, cache } = await installation()
  const find = async (): Promise<string> =>
    (await reachableBinaries(installed, stranger, () => undefined, cache)).postgres
  const copy = await find()
  const library = join(dirname(copy), '..', 'lib', 'libpq.so.5')
  await rm(library)
  expect(await find()).toBe(copy)
  expect(await readFile(library, 'utf8')).toBe('pq')
  await writeFile(installed.postgres, 'POSTGRES')
  expect(await readFile(await find(), 'utf8')).toBe('POSTGRES')
  expect(await readFile(copy, 'utf8')).toBe('postgres')
  expect(await readdir(cache)).toHaveLength(2)
})

test('executables that the user can reach are used where they are', async () => {
  const { installed, stranger, cache } = await installation()
  const owner = { ...stranger, uid: ourUid }
  await expect(reachableBinaries(installed, owner, () => undefined, cache)).resolves.toEqual(installed)
})

test('a copy that cannot be made is an error that names the closed directory', async () => {
  const { installed, stranger } = await installation()
  const noFolder = join(installed.initdb, 'cache')
  const failure = await failureOf(reachableBinaries(installed, stranger, () => undefined, noFolder))
  expect(failure.code).toBe('postgres_failed')
  expect(failure.message).toContain(`user ${stranger.uid} may not pass through \`${dirname(installed.postgres)}\``)
  expect(failure.message).toContain('ENOTDIR')
})
