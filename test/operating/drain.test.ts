import { appendFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { drainTimes } from '../../src/cli/draining.ts'
import { useFolder } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { query, until } from '../support/world.ts'
import { bookOf, get, healthOf, SHOP, workerBeside } from './shop.ts'

const folder = useFolder()
const child = useWorkerChild(folder, {
  args: ['--config', SHOP],
  env: () => ({ SHOP_BOOK: bookOf(folder()).path }),
})
const PRINCIPAL = { subject: 'ana', workspace: 'acme' }

const start = (playbook: string, word: string, taskQueue: string) =>
  child().run([
    'start',
    playbook,
    '--by',
    PRINCIPAL.subject,
    '--id',
    `${playbook}-${taskQueue}`,
    '--task-queue',
    taskQueue,
    '--request',
    JSON.stringify({ word }),
  ])

const effects = async (workflowId: string) => {
  const text = 'SELECT step, state FROM countersign.effects WHERE run_key LIKE $1'
  return (await query(child().databaseUrl, text, [`${workflowId}/%`])).rows
}

test('from the signal on the worker is alive and not ready, and the running step finishes within the grace', async () => {
  const taskQueue = `${child().taskQueue}-drains`
  const worker = await workerBeside(child(), taskQueue, { cwd: folder(), args: ['--grace', '20'] })
  const url = healthOf(worker)
  expect(await until('readiness', async () => ((await get(`${url}/readyz`)).status === 200 ? true : undefined))).toBe(
    true,
  )
  await start('waits', '3', taskQueue)
  await bookOf(folder()).has('begin 3')
  worker.signal('SIGTERM')
  await worker.says('SIGTERM: ')
  expect(await get(`${url}/readyz`)).toMatchObject({ status: 503, json: { ready: false, phase: 'draining' } })
  expect(await get(`${url}/healthz`)).toMatchObject({ status: 200, json: { phase: 'draining' } })
  expect(await bookOf(folder()).read()).not.toContain('done 3\n')
  expect(await worker.ended).toMatchObject({ code: 0, stdout: '' })
  expect(await bookOf(folder()).read()).toContain('done 3\n')
  expect(await effects(`waits-${taskQueue}`)).toEqual([{ step: 'shop.wait-1', state: 'done' }])
})

test('a step that outlasts the grace is cancelled, and the worker ends with exit code 0', async () => {
  const taskQueue = `${child().taskQueue}-cancels`
  const worker = await workerBeside(child(), taskQueue, { cwd: folder(), args: ['--grace', '0'] })
  await start('waits', '25', taskQueue)
  await bookOf(folder()).has('begin 25')
  worker.signal('SIGTERM')
  expect(await worker.ended).toMatchObject({ code: 0 })
  expect(await bookOf(folder()).read()).not.toContain('done 25\n')
})

test('a worker whose step does not stop says which, ends with exit code 1, and leaves no effect', async () => {
  const taskQueue = `${child().taskQueue}-stuck`
  const worker = await workerBeside(child(), taskQueue, { cwd: folder(), args: ['--grace', '0'] })
  await start('holds', 'fast', taskQueue)
  await bookOf(folder()).has('begin fast')
  const since = performance.now()
  worker.signal('SIGTERM')
  const { code, stderr } = await worker.ended
  expect(performance.now() - since).toBeLessThan(drainTimes(0).endMs + 3_000)
  expect(stderr).toMatch(
    /error: After 5 seconds there still ran shop\.hold \(shop\.hold-1 of holds-\S+, for \d+ s\); it was given up\./,
  )
  expect(stderr).toContain('  code  drain_incomplete\n')
  expect(code).toBe(1)
  // Its transaction died with the process.
  expect(await effects(`holds-${taskQueue}`)).toEqual([])
  expect(await bookOf(folder()).read()).not.toContain('done fast\n')

  // Another worker does it, once.
  const next = await workerBeside(child(), taskQueue, { cwd: folder() })
  await appendFile(bookOf(folder()).path, 'let go of fast\n')
  const run = child().client.run(`holds-${taskQueue}`)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  next.signal('SIGTERM')
  expect(await next.ended).toMatchObject({ code: 0 })
  expect(await effects(`holds-${taskQueue}`)).toEqual([{ step: 'shop.hold-1', state: 'done' }])
})
