import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { Client, Connection } from '@temporalio/client'
import { expect, inject, test } from 'vitest'
import { recordSchema } from '../../../src/audit/record/schema.ts'
import type { AuditRecord } from '../../../src/audit/record/types.ts'
import { countersign, useFolder } from '../../cli/cli.ts'
import { requestFor, resultOf } from '../../cli/waiting-run.ts'
import { useWorkerChild } from '../../cli/worker-child.ts'
import { of } from './records.ts'

const folder = useFolder()
const child = useWorkerChild(folder)
const run = (...args: readonly string[]) => child().run(['audit', ...args])
/** A computer that knows no server. */
const elsewhere = (...args: readonly string[]) => countersign(['audit', ...args], { cwd: folder() })

async function completedRun(): Promise<string> {
  const { order, request } = await requestFor(child())
  const workflowId = `cli-${order.orderId}`
  const principal = { subject: 'ana@acme.example', workspace: 'acme' }
  await resultOf(await child().client.start('refund_request', request, { principal, workflowId }))
  return workflowId
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

const recordIn = (stdout: string): AuditRecord => recordSchema().parse(JSON.parse(stdout))

test('a record is exported live, and the same from a history file and keys where there is no server', async () => {
  const workflowId = await completedRun()
  const live = await run('export', workflowId)
  expect([live.code, live.stderr]).toEqual([0, ''])
  const record = recordIn(live.stdout)
  expect(of(record, 'tool_call').map(({ proof }) => proof)).toEqual(['signed', 'signed'])
  expect(of(record, 'difference')).toEqual([])
  expect(recordIn((await run('export', record.runKey)).stdout)).toEqual(record)
  const file = await exported(workflowId)
  const keys = join(folder(), 'keys.json')
  await writeFile(keys, (await run('keys')).stdout)
  const there = await elsewhere('export', workflowId, '--history', file, '--keys', keys)
  expect([there.code, there.stderr]).toEqual([0, ''])
  expect(recordIn(there.stdout)).toEqual(record)
  const without = await elsewhere('export', workflowId, '--history', file)
  expect(without.stderr).toContain('No keys were given')
  expect(of(recordIn(without.stdout), 'tool_call').map(({ proof }) => proof)).toEqual(['claimed', 'claimed'])
})

test('it is written as text, Markdown and a page, and a step is explained in three sentences', async () => {
  const workflowId = await completedRun()
  const [text, markdown, html] = await Promise.all(
    ['text', 'markdown', 'html'].map((format) => run('export', workflowId, '--format', format)),
  )
  expect(text?.stdout).toMatch(/^refund_request {2}\S+ {2}running\n[^]*\nTIMELINE \(UTC\)\n/)
  expect(markdown?.stdout).toMatch(/^# Audit record of [^]*\n## Timeline \(UTC\)\n/)
  expect(html?.stdout).toMatch(/^<!doctype html>\n[^]*<\/html>\n$/)
  const explained = await run('explain', workflowId, 'billing.refund-1')
  expect(explained.code).toBe(0)
  expect(explained.stdout.split('\n')).toEqual([
    expect.stringMatching(/^It rests on record order\/\S+ \(read .*, signed by a host\) \[\d+\].*\.$/),
    expect.stringMatching(/^The policy sha256:\S+ \[\d+\] allowed it, .*\[\d+\]\.$/),
    expect.stringMatching(/^To undo it is to void the refund.* can have that done until .* UTC \[\d+, \d+\]\.$/),
    '',
  ])
  const json = await run('explain', workflowId, 'billing.refund-1', '--json')
  expect(JSON.parse(json.stdout)).toMatchObject({ explained: { step: 'billing.refund-1' } })
  const unknown = await run('explain', workflowId, 'billing.refund-9')
  expect([unknown.code, unknown.stdout]).toEqual([3, ''])
  expect(unknown.stderr).toContain('It decided on billing.refund-1, helpdesk.reply-1.')
})

test('what there is no record of is exit code 1, and what makes no sense is exit code 2', async () => {
  const nobody = await run('export', 'nobody')
  expect([nobody.code, nobody.stdout]).toEqual([1, ''])
  expect(nobody.stderr).toContain('run_not_found')
  const [one, other] = await Promise.all([completedRun().then(exported), completedRun().then(exported)])
  const cases = [
    ['export', 'nobody', '--history', one],
    ['export', 'nobody', '--history', one, '--history', other],
    ['export', 'nobody', '--history', join(folder(), 'no-such-file')],
    ['export', 'nobody', '--history', one, '--keys', one],
    ['export', 'nobody', '--format', 'pdf'],
    ['export', 'nobody', '--namespace', 'other'],
    ['export'],
  ]
  for (const args of cases) expect([args[2] ?? '', (await elsewhere(...args)).code]).toEqual([args[2] ?? '', 2])
})
