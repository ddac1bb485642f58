import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { differenceText } from '../../src/audit/differences.ts'
import { replayHistory } from '../../src/audit/replay.ts'
import { KERNEL_VERSION } from '../../src/contract/wire.ts'
import { bundleForReplay } from '../../src/worker/bundle.ts'
import { SHIPPED_WORKFLOWS } from '../support/world.ts'

const folder = join(import.meta.dirname, 'histories')
const recorded = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'))
const textOf = (name: string) => readFileSync(join(folder, name), 'utf8')
const historyOf = (name: string) => historyFromJSON(JSON.parse(textOf(name)))
const newest = (end: string) =>
  recorded.toSorted().findLast((name) => name.endsWith(`refund_request.${end}.json`)) ?? ''
const playbooksIn = (name: string) => bundleForReplay(join(import.meta.dirname, name))

const ENDS = ['completed', 'approved', 'denied', 'rejected', 'compensated', 'undone', 'over-budget', 'bad-request']

test('a history of every end is kept for this version', () => {
  const kept = recorded.filter((name) => name.startsWith(KERNEL_VERSION)).map((name) => name.split('.').at(-2))
  expect(kept).toEqual(expect.arrayContaining([...ENDS, 'cancelled', 'incident', 'reset']))
})

describe('the kept histories replay on the code of today, and it says what they say', async () => {
  const bundle = await bundleForReplay(SHIPPED_WORKFLOWS)

  test.each(recorded)('%s', async (name) => {
    const { compared, differences } = await replayHistory(bundle, historyOf(name))
    expect(differences.map(differenceText)).toEqual([])
    expect(compared['local activity']).toBeGreaterThan(0)
  })

  test('what is compared is all that a run says that was undone', async () => {
    const { compared } = await replayHistory(bundle, historyOf(newest('undone')))
    const kinds = ['activity', 'end', 'local activity', 'search attributes', 'timer', 'update']
    expect(Object.keys(compared).toSorted()).toEqual(kinds)
  })
})

test('a playbook that does its steps in another order does not replay', async () => {
  const bundle = await playbooksIn('changed-playbook.ts')
  await expect(replayHistory(bundle, historyOf(newest('completed')))).rejects.toThrow('TMPRL1100')
})

test('a playbook whose commands are the same but say something else replays, and is found out', async () => {
  const { differences } = await replayHistory(await playbooksIn('other-words.ts'), historyOf(newest('completed')))
  const lines = differences.map(differenceText)
  const refund = 'the activity `billing.refund` (billing.refund-1)'
  expect(lines).toContain(`${refund} at \`input.amount.cents\`: the history has 2000, the code sends 1999`)
  expect(lines).toContainEqual(
    expect.stringMatching(/\(billing\.refund-1\) at `warrant\.plan`: .+, the code sends "refund all but a cent"$/),
  )
  expect(lines).toContainEqual(expect.stringMatching(/\(billing\.refund-1\) at `warrant\.actionDigest`: /))
  expect(lines).toContainEqual(expect.stringMatching(/^the update `outcome` \(outcome\) at `outcome`: /))
})
