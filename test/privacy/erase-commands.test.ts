import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { databaseName } from '../../src/privacy/residency.ts'
import { localMasterKeys, withNewMasterKey } from '../../src/privacy/master-keys.ts'
import { countersign, useFolder } from '../cli/cli.ts'
import { useChangedPolicies } from '../support/own-policies.ts'
import { REQUESTER } from '../support/refunds.ts'
import { closedRefund, rowsOf, withoutWindow } from './erasing.ts'

const masterKeys = JSON.stringify(withNewMasterKey(undefined))
const world = useChangedPolicies(withoutWindow, { masterKeys: localMasterKeys(masterKeys) })
const folder = useFolder()
const env = () => ({
  TEMPORAL_ADDRESS: inject('temporalAddress'),
  DATABASE_URL: world().databaseUrl,
  COUNTERSIGN_MASTER_KEYS: masterKeys,
})
const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  countersign(args, { cwd: folder(), env: { ...env(), ...more } })

test('erase prints a certificate that verifies, show says ERASED where it could read before, and reconcile finds nothing', async () => {
  const { run: mine, order } = await closedRefund(world())
  const ofQueue = ['--task-queue', world().taskQueue]
  const before = await run(['show', mine.workflowId, ...ofQueue])
  expect(before.stdout).toContain(order.orderId)
  const erased = await run(['erase', '--subject', order.customerId, '--reason', 'he asked for it', '--out', 'c.json'])
  expect(erased).toMatchObject({ code: 0, stdout: '' })
  expect(erased.stderr).toContain('1 run is erased.\n')
  expect(erased.stderr).toContain('This supports the erasure; it does not reach them.\n')

  const shown = await run(['show', mine.workflowId, ...ofQueue])
  expect(shown.code).toBe(0)
  expect(shown.stdout).not.toContain(order.orderId)
  expect(shown.stdout).toContain('state     completed\n')
  expect(shown.stdout).toContain('request   ERASED\n')
  expect(shown.stdout).toContain('  done       ERASED  (billing.refund-1, billing.refund)\n')
  expect(shown.stdout).toMatch(/ {2}\S+ \S+ .*decide by ben@acme\.example: ERASED\n/)
  expect(shown.stdout).toMatch(/billing\.refund-1: done, ERASED\n/)
  const json = JSON.parse((await run(['show', mine.workflowId, '--json', ...ofQueue])).stdout) as object
  expect(json).toMatchObject({ status: null, erased: { why: expect.stringContaining('erasure'), steps: [{}, {}] } })

  const reconciled = await run(['reconcile', mine.workflowId, ...ofQueue])
  expect(reconciled).toMatchObject({ code: 0, stdout: expect.stringContaining('ERASED') })

  expect(await run(['erase', 'verify', 'c.json'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^a certificate of erasure, of .+: genuine, and none of its 1 runs can be read\n$/),
  })
  const file = join(folder(), 'c.json')
  await writeFile(file, (await readFile(file, 'utf8')).replace('he asked', 'she asked'))
  const altered = await run(['erase', 'verify', 'c.json'])
  expect(altered.code).toBe(3)
  expect(altered.stderr).toContain('refused: its signature is wrong: it was altered\n')
})

test('a hold is placed, refuses erase with exit code 3, is listed without the name, and is lifted', async () => {
  const { run: mine, order } = await closedRefund(world())
  const before = await rowsOf(world(), mine.workflowId)
  const held = await run([
    'hold',
    'add',
    'subject',
    order.customerId,
    '--reason',
    'a law suit',
    '--by',
    'counsel',
    '--json',
  ])
  const { hold } = JSON.parse(held.stdout) as { readonly hold: { readonly id: string } }
  const asked = ['erase', '--subject', order.customerId, '--reason', 'he asked for it']
  const refused = await run(asked)
  expect(refused).toMatchObject({ code: 3, stdout: '' })
  expect(refused.stderr).toMatch(
    /^refused: nothing was erased: hold \d+ on the subject \w{12}…, since .+ by counsel \(not proved\): a law suit\n/,
  )
  expect(await rowsOf(world(), mine.workflowId)).toBe(before)
  const listed = await run(['hold', 'list'])
  expect(listed.stdout).toContain('a law suit')
  expect(listed.stdout).not.toContain(order.customerId)
  expect(await run(['hold', 'lift', hold.id, '--reason', 'settled'])).toMatchObject({ code: 0 })
  expect(await run(['hold', 'lift', hold.id, '--reason', 'settled'])).toMatchObject({ code: 3 })
  expect(await run(asked)).toMatchObject({ code: 0, stdout: expect.stringContaining('"kind"') })
})

test('nobody of that name is exit code 3, and without master keys nobody is found', async () => {
  const asked = ['erase', '--subject', 'nobody', '--reason', 'x']
  expect(await run(asked)).toMatchObject({ code: 3, stderr: expect.stringContaining('code  subject_unknown') })
  const without = await countersign(asked, { cwd: folder(), env: env(), unset: ['COUNTERSIGN_MASTER_KEYS'] })
  expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining('code  master_keys_missing') })
  expect(await run(['erase'])).toMatchObject({ code: 2 })
})

test('retention run has nothing to prove where nothing is past its time', async () => {
  expect(await run(['retention', 'run'])).toMatchObject({ code: 0, stdout: '' })
  expect(await run(['retention', 'list'])).toMatchObject({ code: 0, stderr: 'Nothing was past its time yet.\n' })
})

test('commands show and start nothing of a workspace that is at home elsewhere', async () => {
  const { run: mine, order } = await closedRefund(world())
  const file = join(folder(), 'homes.yaml')
  const bind = async (database: string) =>
    await writeFile(
      file,
      `workspaces:\n  acme: {namespace: default, task_queue: ${world().taskQueue}, database: "${database}"}\n`,
    )
  const bound = { COUNTERSIGN_WORKSPACES: file }
  const show = ['show', mine.workflowId, '--task-queue', world().taskQueue]
  await bind(databaseName(world().databaseUrl))
  expect(await run(show, bound)).toMatchObject({ code: 0, stdout: expect.stringContaining(order.orderId) })
  await bind('db.elsewhere.example/ledger')
  for (const args of [show, ['list', '--workspace', 'acme']]) {
    const refused = await run(args, bound)
    expect(refused).toMatchObject({ code: 3, stdout: '' })
    expect(refused.stderr).toContain('code  workspace_elsewhere\n')
  }
  const listed = await run(['list'], bound)
  expect(listed.stdout).not.toContain(mine.workflowId)
  const request = JSON.stringify({ orderId: order.orderId, ticketId: order.ticketId, message: 'again' })
  const started = await run(
    [
      'start',
      'refund_request',
      '--request',
      request,
      '--id',
      'elsewhere-1',
      '--by',
      String(REQUESTER.subject),
      '--workspace',
      'acme',
      '--task-queue',
      world().taskQueue,
    ],
    bound,
  )
  expect(started).toMatchObject({ code: 3, stdout: '' })
  await expect(world().temporal.workflow.getHandle('elsewhere-1').describe()).rejects.toThrow('not found')
  const reconciled = await run(['reconcile', mine.workflowId, '--task-queue', world().taskQueue], bound)
  expect(reconciled.code).toBe(1)
  expect(reconciled.stderr).toContain('code  workspace_elsewhere\n')
  expect(reconciled.stdout).toBe('')
})
