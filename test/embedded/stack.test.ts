import { readdir, readFile, stat, writeFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runningStack } from '../../src/embedded/index.ts'
import type { Stack } from '../../src/embedded/index.ts'
import { failureOf } from './fixtures/failure.ts'
import { temporaryDir } from './fixtures/places.ts'
import { allGone } from './fixtures/processes.ts'
import { bare, start, stateDirectory } from './fixtures/stacks.ts'

test('two checkouts started at once share nothing', async () => {
  const dirs = [await stateDirectory(), await stateDirectory()]
  const [one, two] = (await Promise.all(dirs.map((dir) => start(dir)))) as [Stack, Stack]
  expect(one.temporalAddress).not.toBe(two.temporalAddress)
  expect(new URL(one.databaseUrl).host).not.toBe(new URL(two.databaseUrl).host)
  expect(new Set([...Object.values(one.servers), ...Object.values(two.servers)]).size).toBe(8)
})

test('two checkouts that remember the same ports still get their own', async () => {
  const dirs = [await stateDirectory(), await stateDirectory()] as const
  const first = await start(dirs[0])
  await first.stop()
  await mkdir(dirs[1], { recursive: true })
  await writeFile(join(dirs[1], 'ports.json'), await readFile(join(dirs[0], 'ports.json')))
  const [one, two] = await Promise.all([start(dirs[0]), start(dirs[1])])
  expect(one.servers.temporalPort).not.toBe(two.servers.temporalPort)
  expect(one.servers.postgresPort).not.toBe(two.servers.postgresPort)
})

test('a running stack is described in a file only its owner can read, and forgotten when stopped', async () => {
  const stateDir = await stateDirectory()
  const stack = await start(stateDir)
  const { stop, ...info } = stack
  expect(await runningStack(stateDir)).toEqual(info)
  expect((await stat(join(stateDir, 'stack.json'))).mode & 0o777).toBe(0o600)
  await stop()
  await stop()
  expect(await runningStack(stateDir)).toBeUndefined()
  expect(await readdir(stateDir)).not.toContain('stack.json')
  await allGone([info.servers.temporalPid, info.servers.postgresPid])
})

test('a restart keeps the ports, so that links into the UI still lead there', async () => {
  const stateDir = await stateDirectory()
  const options = { temporal: { inMemory: true } }
  const first = await start(stateDir, options)
  await first.stop()
  const second = await start(stateDir, options)
  expect(second.uiUrl).toBe(first.uiUrl)
  expect(second.temporalAddress).toBe(first.temporalAddress)
  expect(second.databaseUrl).toBe(first.databaseUrl)
})

test('what the environment names is used and not started', async () => {
  const stateDir = await stateDirectory()
  const databaseUrl = 'postgres://someone:secret@db.example:5432/theirs'
  const env = {
    ...bare,
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: 'temporal.example:7233',
    TEMPORAL_NAMESPACE: 'theirs',
  }
  const stack = await start(stateDir, { env })
  expect(stack).toMatchObject({
    temporalAddress: 'temporal.example:7233',
    namespace: 'theirs',
    databaseUrl,
    servers: {},
  })
  expect(await runningStack(stateDir)).toMatchObject({ databaseUrl })
  expect(await readdir(stateDir)).not.toContain('postgres')
})

test('an address in a profile of the Temporal tools counts as named', async () => {
  const stateDir = await stateDirectory()
  const profile = join(await temporaryDir(), 'temporal.toml')
  await writeFile(profile, '[profile.default]\naddress = "cloud.example:7233"\nnamespace = "ours"\n')
  const env = { ...bare, TEMPORAL_CONFIG_FILE: profile, DATABASE_URL: 'postgres://db.example/x' }
  const stack = await start(stateDir, { env })
  expect(stack.temporalAddress).toBe('cloud.example:7233')
  expect(stack.namespace).toBe('ours')
})

test('when one part does not start, the other is stopped and nothing is left behind', async () => {
  const stateDir = await stateDirectory()
  await mkdir(join(stateDir, 'postgres'), { recursive: true })
  await writeFile(join(stateDir, 'postgres', 'thesis.txt'), 'mine')
  const failure = await failureOf(start(stateDir, { temporal: {} }))
  expect(failure.code).toBe('postgres_failed')
  expect(await runningStack(stateDir)).toBeUndefined()
  const next = await start(stateDir, {
    temporal: {},
    env: { ...bare, DATABASE_URL: 'postgres://db.example/x' },
  })
  expect(next.servers.temporalPort).toBeDefined()
})
