import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { Client, Connection } from '@temporalio/client'
import { expect, inject, test } from 'vitest'
import { query, until } from '../support/world.ts'
import { useFolder } from './cli.ts'
import { refunded, requestFor, resultOf, waitingRun } from './waiting-run.ts'
import { useWorkerChild } from './worker-child.ts'

const folder = useFolder()
const child = useWorkerChild(folder)
const run = (...args: readonly string[]) => child().run(['reconcile', ...args])
const queue = () => ['--task-queue', child().taskQueue]

const PRINCIPAL = { subject: 'ana@acme.example', workspace: 'acme' }

async function completedRun() {
  const { order, request } = await requestFor(child())
  const workflowId = `cli-${order.orderId}`
  const handle = await child().client.start('refund_request', request, { principal: PRINCIPAL, workflowId })
  await resultOf(handle)
  return { workflowId, order }
}

/** A completed run whose refund somebody took out of the ledger. */
async function alteredRun() {
  const done = await completedRun()
  const text = "DELETE FROM countersign.effects WHERE run_key LIKE $1 AND step = 'billing.refund-1'"
  await query(child().databaseUrl, text, [`${done.workflowId}/%`])
  return done
}

/** As `temporal workflow show --output json` exports it. */
async function exported(workflowId: string): Promise<string> {
  const connection = await Connection.connect({ address: inject('temporalAddress') })
  const history = await new Client({ connection }).workflow.getHandle(workflowId).fetchHistory()
  await connection.close()
  const file = join(folder(), `${workflowId}.json`)
  await writeFile(file, historyToJSON(history))
  return file
}

test('a run in which both sides agree is exit code 0, live and from an exported history', async () => {
  const { workflowId, order } = await completedRun()
  const text =
    `refund_request  ${workflowId}  open\n` +
    '  billing.refund-1  history: done  ledger: done\n' +
    '  helpdesk.reply-1  history: done  ledger: done\n\n' +
    '1 run compared: history and ledger agree\n'
  expect(await run(workflowId)).toEqual({ code: 0, stdout: text, stderr: '' })
  const file = await exported(workflowId)
  expect(await run('--history', file)).toEqual({ code: 0, stdout: text, stderr: '' })
  expect(await refunded(child(), order)).toBe(2_000)
})

test('a run in which they differ is exit code 3, and says where and what to do; in JSON too', async () => {
  const { workflowId } = await alteredRun()
  const plain = await run(workflowId)
  expect(plain.stdout).toContain('  billing.refund-1  history: done  ledger: nothing\n')
  expect(plain.stdout).toContain(
    '  effect_not_in_ledger at billing.refund-1: the history says that it was done, and the ledger has nothing of it\n' +
      '    The ledger was restored, altered, or is another one: look in the system of record.\n',
  )
  expect(plain.stdout.endsWith('\n1 run compared, 1 differs\n')).toBe(true)
  expect(plain.code).toBe(3)
  const file = await exported(workflowId)
  for (const args of [[workflowId], ['--history', file], [workflowId, '--history', file]]) {
    const { code, stdout } = await run(...args, '--json')
    expect(JSON.parse(stdout)).toEqual({
      compared: 1,
      differing: 1,
      runs: [
        {
          workflowId,
          runKey: expect.stringMatching(`^${workflowId}/[0-9a-f-]{36}$`),
          playbook: 'refund_request',
          executions: 1,
          ended: 'open',
          isErased: false,
          effects: [
            { step: 'billing.refund-1', tool: 'billing.refund', history: 'done', ledger: null },
            { step: 'helpdesk.reply-1', tool: 'helpdesk.reply', history: 'done', ledger: 'done' },
          ],
          findings: [
            {
              code: 'effect_not_in_ledger',
              step: 'billing.refund-1',
              message: expect.any(String),
              eventId: expect.any(Number),
              help: expect.any(String),
            },
          ],
        },
      ],
    })
    expect(code).toBe(3)
  }
})

test('without an id all runs since then are compared, and those that differ are told', async () => {
  const agreeing = await completedRun()
  const { workflowId } = await alteredRun()
  await until('all of them in visibility', async () => {
    const { stdout } = await run('--since', '1h', '--json', ...queue())
    const { runs } = JSON.parse(stdout) as { readonly runs: readonly { readonly workflowId: string }[] }
    return runs.some((one) => one.workflowId === workflowId) ? true : undefined
  })
  const { code, stdout } = await run('--since', '1h', ...queue())
  expect(stdout).toContain(`refund_request  ${workflowId}  open\n`)
  expect(stdout).not.toContain(agreeing.workflowId)
  expect(stdout).toMatch(/\n\d+ runs compared, \d differs?\n$/)
  expect(code).toBe(3)
})

test('a run that somebody sent six megabytes of messages to is compared like any other', async () => {
  const { workflowId, handle, order, pending } = await waitingRun(child())
  const junk = 'x'.repeat(1_500_000)
  for (let sent = 0; sent < 4; sent += 1) {
    const { step, actionDigest } = pending
    expect(await handle.decide({ step, decision: 'approve', by: 'eve', comment: junk, actionDigest })).toMatchObject({
      accepted: false,
    })
  }
  expect(await run(workflowId)).toMatchObject({ code: 0, stderr: '' })
  expect(await refunded(child(), order)).toBe(0)
})

test('what cannot be compared is exit code 1, and what makes no sense 2', async () => {
  expect(await run('nobody')).toMatchObject({ code: 1, stderr: expect.stringContaining('code  run_not_found') })
  expect(await run('nobody', '--since', '1h')).toMatchObject({ code: 2, stdout: '' })
  expect(await run('--since', 'yesterday')).toMatchObject({ code: 2, stdout: '' })
  const file = join(folder(), 'none.json')
  await writeFile(file, '{"events":[]}')
  const { code, stderr } = await run('--history', file)
  expect(stderr).toContain('cannot be read as a history: the history does not begin with WorkflowExecutionStarted')
  expect(code).toBe(2)
  const [one, other] = [await completedRun(), await completedRun()]
  const files = [await exported(one.workflowId), await exported(other.workflowId)]
  expect(await run('--history', files[0] ?? '', '--history', files[1] ?? '')).toMatchObject({ code: 2, stdout: '' })
  expect(await run(other.workflowId, '--history', files[0] ?? '')).toMatchObject({ code: 2, stdout: '' })
})
