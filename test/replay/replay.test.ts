import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { Worker } from '@temporalio/worker'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bundlePlaybooks } from '../../src/worker/bundle.ts'
import { SHIPPED_WORKFLOWS } from '../support/world.ts'

const folder = join(import.meta.dirname, 'histories')
const recorded = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'))
const historyOf = (name: string) => historyFromJSON(JSON.parse(readFileSync(join(folder, name), 'utf8')))

const ENDS = ['completed', 'approved', 'denied', 'rejected', 'compensated', 'undone', 'over-budget', 'bad-request']

test('a history of every end is kept', () => {
  const kept = recorded.map((name) => name.split('.').at(-2))
  expect(kept).toEqual(expect.arrayContaining([...ENDS, 'cancelled', 'incident', 'reset']))
})

describe('the kept histories replay on the code of today', async () => {
  const { bundle } = await bundlePlaybooks(SHIPPED_WORKFLOWS)
  test.each(recorded)('%s', async (name) => {
    await expect(Worker.runReplayHistory({ workflowBundle: bundle }, historyOf(name))).resolves.toBeUndefined()
  })
})

test('a playbook that does its steps in another order does not replay', async () => {
  const { bundle } = await bundlePlaybooks(join(import.meta.dirname, 'changed-playbook.ts'))
  const completed = recorded.find((name) => name.endsWith('refund_request.completed.json'))
  await expect(Worker.runReplayHistory({ workflowBundle: bundle }, historyOf(completed ?? ''))).rejects.toThrow(
    'TMPRL1100',
  )
})
