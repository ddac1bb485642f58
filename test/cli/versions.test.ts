import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { versionsOf } from '../../src/cli/deployment.ts'
import { inSession } from '../support/session.ts'
import { until } from '../support/world.ts'
import { type Background, inBackground, useFolder } from './cli.ts'
import { useWorkerChild } from './worker-child.ts'

const OLD = fileURLToPath(new URL('./fixtures/workshop/countersign.config.ts', import.meta.url))
const NEXT = fileURLToPath(new URL('./fixtures/workshop/next.config.ts', import.meta.url))
const folder = useFolder()
const child = useWorkerChild(folder, {
  args: ['--config', OLD],
  env: () => ({ WORKSHOP_BOOK: join(folder(), 'book.log') }),
})

/** The build ids of the worker that is current, and of the one that was started beside it. */
let old = ''
let next = ''
let nextWorker: Background

const run = (...args: readonly string[]) => child().run([...args, '--task-queue', child().taskQueue])
const versions = () => inSession(child().taskQueue, (session) => versionsOf(session, child().taskQueue))
const statusOf = async (buildId: string) => (await versions()).find((version) => version.buildId === buildId)

/** Starts a worker of the next build, which is not current. */
async function startNext(taskQueue: string): Promise<Background> {
  const args = ['worker', '--development', '--task-queue', taskQueue, '--config', NEXT]
  const worker = inBackground(args, { env: child().env, cwd: folder() })
  await worker.says('  help  countersign rollout')
  return worker
}

beforeAll(async () => {
  old = (await versions())[0]?.buildId ?? ''
  nextWorker = await startNext(child().taskQueue)
  next = (await versions()).find(({ buildId }) => buildId !== old)?.buildId ?? ''
})
afterAll(async () => {
  nextWorker.signal('SIGTERM')
  await nextWorker.ended
})

test('a worker says whether it is current, and how to make it so; setup leaves the current version alone', async () => {
  expect(child().worker.stderr()).toContain(`version ${old} of deployment ${child().taskQueue}, current\n`)
  expect(nextWorker.stderr()).toContain(
    `NOT CURRENT: this worker gets only runs that are pinned to its version; new runs go to version ${old}.\n` +
      `  help  countersign rollout ${next} --task-queue ${child().taskQueue}\n`,
  )
  const setup = await run('setup', '--config', NEXT)
  expect(setup.stdout).toContain(
    `version  ${next} of deployment ${child().taskQueue}  is not current: new runs go to ${old}\n`,
  )
  expect(await statusOf(old)).toMatchObject({ status: 'current', percent: 100 })
})

test('a part of the new runs goes to a version, and none again', async () => {
  const ramp = await run('rollout', next, '--percent', '10')
  expect(ramp).toMatchObject({
    code: 0,
    stdout: `10 % of the new runs of deployment ${child().taskQueue} go to ${next}\n`,
  })
  const listed = await run('versions')
  expect(listed.stdout).toMatch(/^VERSION +STATUS +OPEN RUNS +SINCE +LAST POLL\n/)
  expect(listed.stdout).toMatch(new RegExp(`\n${next} +ramping 10 % +0 `))
  expect(listed.stdout).toMatch(new RegExp(`\n${old} +current 90 % +0 `))
  expect((await run('rollout', '--percent', '0')).stdout).toContain(' go to its current version\n')
  expect(await statusOf(old)).toMatchObject({ status: 'current', percent: 100 })
})

test('once a version is current, the one before drains with its open run, and can then be stopped', async () => {
  // A compensation that is stuck keeps a run open.
  const workflowId = `oak-${child().taskQueue}`
  const request = { board: 'oak', thenFail: true }
  const handle = await child().client.start('cut_wood', request, { principal: { subject: 'ana' }, workflowId })
  await until('an incident', async () => (await handle.status()).incidents[0])

  // Without a build id it is the one of the project at hand.
  const all = await run('rollout', '--config', NEXT)
  expect(all.stdout).toBe(`all of the new runs of deployment ${child().taskQueue} go to ${next}\n`)
  expect(await statusOf(next)).toMatchObject({ status: 'current', openRuns: 0 })
  await until('the open run to be counted', async () => ((await statusOf(old))?.openRuns === 1 ? true : undefined))
  expect(await statusOf(old)).toMatchObject({ status: 'draining' })
  const page = await run('show', workflowId)
  expect(page.stdout).toContain(`version   ${old} of ${child().taskQueue}, kernel ${old.split('-')[0]}\n`)

  await handle.resolve({ step: 'workshop.cut-1', resolution: 'settled', by: 'olga' })
  expect(await handle.result()).toMatchObject({ state: 'reverted' })
  await until('the old version to be drained', async () =>
    (await statusOf(old))?.status === 'drained' ? true : undefined,
  )
  expect((await run('versions')).stderr).toBe(`${old} is drained: its workers can be stopped.\n`)
})

test('new runs do not go to a version of which no worker polls', async () => {
  const before = await versions()
  const { code, stderr } = await run('rollout', '0.0.0-none')
  expect(stderr).toContain(`error: New runs cannot go to version 0.0.0-none of deployment \`${child().taskQueue}\`: `)
  expect(stderr).toContain('  code  version_without_worker\n')
  expect(code).toBe(1)
  expect((await versions()).map(({ buildId, status }) => [buildId, status])).toEqual(
    before.map(({ buildId, status }) => [buildId, status]),
  )
})

test('where no version is current, worker, start and versions say that new runs wait', async () => {
  const taskQueue = `${child().taskQueue}-none`
  const worker = await startNext(taskQueue)
  expect(worker.stderr()).toContain('new runs wait, since no version is current.\n')
  const args = ['--by', 'ana', '--request', '{"board":"ash","thenFail":false}', '--task-queue', taskQueue]
  const started = await child().run(['start', 'cut_wood', '--id', `waits-${taskQueue}`, ...args])
  expect(started.stderr).toBe(
    `No version of the workers on \`${taskQueue}\` is current, so the run waits; see \`countersign versions\`.\n`,
  )
  const listed = await child().run(['versions', '--task-queue', taskQueue])
  expect(listed.stdout).toMatch(new RegExp(`\n${next} +inactive +0 `))
  expect(listed.stderr).toBe('No version is current, so new runs wait: `countersign rollout <version>` makes one.\n')

  const rollout = await child().run(['rollout', next, '--task-queue', taskQueue])
  expect(rollout.code).toBe(0)
  expect(await child().client.run(`waits-${taskQueue}`).outcome()).toMatchObject({ state: 'completed' })
  worker.signal('SIGTERM')
  await worker.ended
})

test('versions of a deployment that nobody knows', async () => {
  const listed = await child().run(['versions', '--deployment', 'no-such-deployment', '--json'])
  expect(JSON.parse(listed.stdout)).toEqual({
    deployment: 'no-such-deployment',
    taskQueue: 'countersign',
    versions: [],
  })
  const { stdout, stderr } = await child().run(['versions', '--deployment', 'no-such-deployment'])
  expect(stdout).toBe('')
  expect(stderr).toBe('Temporal knows no version of the deployment `no-such-deployment`.\n')
})
