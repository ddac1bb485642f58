import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startPostgres } from '../../src/embedded/index.ts'
import type { PostgresOptions, PostgresServer } from '../../src/embedded/index.ts'
import { failureOf } from './fixtures/failure.ts'
import { temporaryDir } from './fixtures/places.ts'
import { allGone } from './fixtures/processes.ts'
import { query } from './fixtures/query.ts'

async function start(dataDir: string, options: Partial<PostgresOptions> = {}): Promise<PostgresServer> {
  const server = await startPostgres({ dataDir, progress: () => undefined, ...options })
  onTestFinished(() => server.stop())
  return server
}

test('a restart keeps the data, the database and the password', async () => {
  const dataDir = join(await temporaryDir(), 'postgres')
  const first = await start(dataDir)
  await query(first.url, 'create table kept as select 7 as n')
  await first.stop()
  await allGone([first.pid])
  const second = await start(dataDir, { preferPort: first.port })
  expect(second.url).toBe(first.url)
  expect(await query(second.url, 'select n from kept')).toEqual([{ n: 7 }])
})

test('it is a PostgreSQL 18 that listens on 127.0.0.1 and nowhere else', async () => {
  const server = await start(join(await temporaryDir(), 'postgres'), { database: 'Refunds 2' })
  expect(
    await query(
      server.url,
      `select current_database() as db, current_setting('server_version_num')::int / 10000 as major,
         current_setting('listen_addresses') as host, current_setting('unix_socket_directories') as sockets`,
    ),
  ).toEqual([{ db: 'Refunds 2', major: 18, host: '127.0.0.1', sockets: '' }])
})

test('the password is in a file that only its owner can read, and another one is refused', async () => {
  const dataDir = join(await temporaryDir(), 'postgres')
  const server = await start(dataDir)
  const password = (await readFile(`${dataDir}.password`, 'utf8')).trim()
  expect(new URL(server.url).password).toBe(password)
  expect((await stat(`${dataDir}.password`)).mode & 0o777).toBe(0o600)
  const guess = server.url.replace(password, 'password')
  await expect(query(guess, 'select 1')).rejects.toThrow('password authentication failed')
})

test('what was committed before a kill is there after it, in spite of the stale pid file', async () => {
  const dataDir = join(await temporaryDir(), 'postgres')
  const first = await start(dataDir)
  await query(first.url, 'create table kept as select 7 as n')
  process.kill(first.pid, 'SIGKILL')
  await allGone([first.pid])
  expect(await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).toContain(String(first.pid))
  const second = await start(dataDir)
  expect(await query(second.url, 'select n from kept')).toEqual([{ n: 7 }])
})

test('a pid file that names some other program is stale too', async () => {
  const dataDir = join(await temporaryDir(), 'postgres')
  await (await start(dataDir)).stop()
  const notPostgres = process.ppid
  await writeFile(join(dataDir, 'postmaster.pid'), `${notPostgres}\n${dataDir}\n0\n5432\n\n\n`)
  const server = await start(dataDir)
  expect(await query(server.url, 'select 1 as n')).toEqual([{ n: 1 }])
})

test('a data directory in use is refused with who holds it, and the holder goes on', async () => {
  const dataDir = join(await temporaryDir(), 'postgres')
  const holder = await start(dataDir)
  const failure = await failureOf(start(dataDir))
  expect(failure.code).toBe('postgres_busy')
  expect(failure.message).toContain(`process ${holder.pid} on port ${holder.port}`)
  expect(await query(holder.url, 'select 1 as n')).toEqual([{ n: 1 }])
})

test('a directory with other content is refused and left alone', async () => {
  const dataDir = await temporaryDir()
  await writeFile(join(dataDir, 'thesis.txt'), 'mine')
  onTestFinished(() => rm(`${dataDir}.password`, { force: true }))
  const failure = await failureOf(start(dataDir))
  expect(failure.code).toBe('postgres_failed')
  expect(await readFile(join(dataDir, 'thesis.txt'), 'utf8')).toBe('mine')
})

test('a lost password file is named, and the data stays', async () => {
  const dataDir = join(await temporaryDir(), 'postgres')
  await (await start(dataDir)).stop()
  await rm(`${dataDir}.password`)
  const failure = await failureOf(start(dataDir))
  expect(failure.message).toContain(`${dataDir}.password`)
  expect((await stat(join(dataDir, 'PG_VERSION'))).isFile()).toBe(true)
})
