import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { expect, onTestFinished, test } from 'vitest'
import { startTemporal, temporalCli } from '../../src/embedded/index.ts'
import { isAlive } from '../../src/embedded/processes.ts'
import type { TemporalOptions, TemporalServer } from '../../src/embedded/index.ts'
import { failureOf } from './fixtures/failure.ts'
import { script, temporaryDir } from './fixtures/places.ts'

async function start(options: Partial<TemporalOptions> = {}): Promise<TemporalServer> {
  const server = await startTemporal({ executable: await temporalCli(), headless: true, ...options })
  onTestFinished(() => server.stop())
  return server
}

async function connect(server: TemporalServer): Promise<Connection> {
  const connection = await Connection.connect({ address: server.address })
  onTestFinished(() => connection.close())
  return connection
}

test('a started server has its namespace and its search attributes, and its UI answers', async () => {
  const server = await start({
    headless: false,
    namespace: 'refunds',
    searchAttributes: [
      { name: 'CsState', type: 'Keyword' },
      { name: 'CsAmount', type: 'Int' },
    ],
  })
  const connection = await connect(server)
  const attributes = await connection.operatorService.listSearchAttributes({ namespace: 'refunds' })
  expect(Object.keys(attributes.customAttributes ?? {})).toEqual(expect.arrayContaining(['CsState', 'CsAmount']))
  const page = await fetch(String(server.uiUrl))
  expect(page.status).toBe(200)
})

test('with a file, runs and attributes are still there after a restart', async () => {
  const dbFile = join(await temporaryDir(), 'deep', 'temporal.db')
  const searchAttributes = [{ name: 'CsState', type: 'Keyword' } as const]
  const first = await start({ dbFile, searchAttributes })
  const before = new Client({ connection: await connect(first) })
  await before.workflow.start('noWorkerForThis', { workflowId: 'kept', taskQueue: 'nobody' })
  await first.stop()

  const second = await start({ dbFile, searchAttributes })
  const after = new Client({ connection: await connect(second) })
  const description = await after.workflow.getHandle('kept').describe()
  expect(description.status.name).toBe('RUNNING')
})

test('a stopped server is gone, and stopping it again changes nothing', async () => {
  const server = await start()
  await server.stop()
  await server.stop()
  expect(isAlive(server.pid)).toBe(false)
})

test('of two starts on one port, the second fails and does not pass for the first', async () => {
  const first = await start()
  const failure = await failureOf(start({ port: first.port }))
  expect(failure.code).toBe('temporal_failed')
  expect(failure.message).toContain('address already in use')
})

test('a wanted port that is taken is replaced by a free one', async () => {
  const first = await start()
  const second = await start({ preferPort: first.port })
  expect(second.port).not.toBe(first.port)
})

test('a server that ends early fails the start with its last words', async () => {
  const folder = await temporaryDir()
  const executable = join(folder, 'temporal')
  await script(executable, 'echo Error: the disk is full >&2; exit 3')
  const logFile = join(folder, 'temporal.log')
  const failure = await failureOf(start({ executable, logFile }))
  expect(failure.message).toContain('exit code 3')
  expect(failure.message).toContain('Error: the disk is full')
  await expect.poll(() => readFile(logFile, 'utf8')).toContain('the disk is full')
})

test('an executable that cannot be started is named', async () => {
  const executable = join(await temporaryDir(), 'gone')
  const failure = await failureOf(start({ executable }))
  expect(failure.code).toBe('temporal_failed')
  expect(failure.message).toContain(executable)
})
