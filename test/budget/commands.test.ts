import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countersign, inBackground, useFolder } from '../cli/cli.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { pendingLimitOf } from '../support/refunds.ts'
import { query, until } from '../support/world.ts'
import { newItem, startIn } from './budget-world.ts'
import { WORST_MICRO_USD } from './contracts.ts'
import { fakeModel } from './model.ts'

const config = join(import.meta.dirname, 'countersign.config.ts')
const model = await fakeModel()
const folder = useFolder()
beforeAll(() => writeFile(join(folder(), 'models.yaml'), model.yaml))
const child = useWorkerChild(folder, {
  args: ['--config', config],
  env: () => ({ COUNTERSIGN_MODELS: join(folder(), 'models.yaml') }),
})
afterAll(() => model[Symbol.asyncDispose]())

async function asking() {
  const item = newItem()
  model.script(item, 'hang up', 'hang up', 'hang up')
  const run = await startIn(child(), 'asks', { item })
  return { run, item, pending: await pendingLimitOf(run) }
}

test('show and list tell which limit a run wants raised; reject refuses it', async () => {
  const { run, pending } = await asking()
  const { workflowId } = run
  const { stdout } = await child().run(['show', workflowId])
  expect(stdout).toContain('state     blocked, waiting for a budget raise (limit)\n')
  expect(stdout).toContain('  raise the model budget from $0.0300 to $0.0600\n    step      model_budget-1\n')
  expect(stdout).toContain('    budget    model_budget: $0.0300 → $0.0600\n')
  expect(stdout).toContain('    because   $0.0300 used, and box.ponder-1 may need $0.0100\n')
  expect(stdout).toContain(`countersign approve ${workflowId} model_budget-1 --digest ${pending.actionDigest}`)
  const row = await until('the run in the list', async () => {
    const list = await child().run(['list', '--state', 'blocked'])
    return list.stdout.split('\n').find((line) => line.includes(workflowId) && line.includes('limit'))
  })
  expect(row).toMatch(/^blocked +limit +asks +boxes /)
  const rejected = await child().run(['reject', workflowId, '--by', 'ben', '--yes', '--comment', 'enough'])
  expect(rejected).toMatchObject({ code: 0, stdout: 'ben rejects `model_budget-1`\n' })
  expect(await run.result()).toMatchObject({ state: 'refused', because: { code: 'approval_rejected', by: 'ben' } })
})

test('approve raises the limit that was seen, and not for the requester', async () => {
  const { run, pending } = await asking()
  const approve = ['approve', run.workflowId, pending.step, '--digest', pending.actionDigest]
  const own = await child().run([...approve, '--by', 'ana'])
  expect(own).toMatchObject({ code: 3, stderr: expect.stringContaining('decision_by_requester') })
  const other = await child().run([...approve, '--by', 'ben'])
  expect(other).toMatchObject({ code: 0, stdout: 'ben approves `model_budget-1`\n' })
  expect(await run.outcome()).toMatchObject({ state: 'completed', spend: { modelMicroUsd: 31_000 } })
})

test('what a killed worker had set aside counts in full', async () => {
  const { env, databaseUrl } = child()
  const taskQueue = `${child().taskQueue}-killed`
  // Of the version that is current already.
  const args = [
    'worker',
    '--development',
    '--task-queue',
    taskQueue,
    '--deployment',
    child().taskQueue,
    '--config',
    config,
  ]
  const item = newItem()
  model.script(item, 'wait', 'hang up', 'hang up')
  const killed = inBackground(args, { env, cwd: folder() })
  await killed.says('ready')
  const workflowId = `escalates-${randomUUID()}`
  const request = JSON.stringify({ item })
  await countersign(
    ['start', 'escalates', '--by', 'ana', '--id', workflowId, '--request', request, '--task-queue', taskQueue],
    { env, cwd: folder() },
  )
  await until('the call', async () => (model.asked(item) === 1 ? true : undefined))
  killed.signal('SIGKILL')
  await killed.ended
  const next = inBackground(args, { env, cwd: folder() })
  await next.says('ready')
  const run = child().client.run(workflowId)
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'model_budget_exceeded' },
    effects: [],
    spend: { modelMicroUsd: 3 * WORST_MICRO_USD },
  })
  next.signal('SIGTERM')
  await next.ended
  expect(model.asked(item)).toBe(3)
  const text = `SELECT attempt, settled_at IS NULL AS open, (SELECT count(*)::int FROM countersign.effects e
    WHERE e.run_key = c.run_key) AS effects FROM countersign.model_calls c WHERE run_key LIKE $1 || '/%' ORDER BY id`
  const { rows } = await query(databaseUrl, text, [workflowId])
  expect(rows).toEqual([
    { attempt: 1, open: true, effects: 0 },
    { attempt: 2, open: false, effects: 0 },
    { attempt: 3, open: false, effects: 0 },
  ])
})
