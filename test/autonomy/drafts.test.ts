import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { replayHistory } from '../../src/audit/replay.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { bundleForReplay } from '../../src/worker/bundle.ts'
import { BOX_POLICIES, BOX_WORKFLOWS, newItem, useBoxes } from '../kernel/box-world.ts'

/** The policies of the kernel's own tests, each of which only suggests. */
const policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
for (const name of readdirSync(BOX_POLICIES)) {
  await writeFile(join(policies, name), `autonomy: suggest\n${readFileSync(join(BOX_POLICIES, name), 'utf8')}`)
}
afterAll(() => rm(policies, { recursive: true }))
const { world, boxes, start } = useBoxes({ policies })

const draftsOf = async (run: RunHandle) => {
  const { state, drafts = [], effects } = await run.result()
  // Side by side they come as their previews do.
  return { state, drafts: drafts.map(({ describe }) => describe).toSorted(), effects }
}

/** Nothing was asked of the system but what would change. */
const expectOnlyPreviews = (...items: readonly string[]): void => {
  const verbs = items.flatMap((item) => boxes.calls.filter((call) => call.item === item).map(({ verb }) => verb))
  expect(new Set(verbs)).toEqual(new Set(['preview']))
}

test.concurrent('actions side by side are all drafted before the run ends', async () => {
  const item = newItem()
  const run = await start('contends', { item })
  const both = [`${item}/first/ask`, `${item}/second/ask`]
  expect(await draftsOf(run)).toEqual({ state: 'suggested', drafts: both.map((one) => `box.put ${one}`), effects: [] })
  expectOnlyPreviews(...both)
})

test.concurrent('what follows on the result of a draft is not known, so the run ends there', async () => {
  const item = newItem()
  const run = await start('loops', { item })
  expect(await draftsOf(run)).toEqual({ state: 'suggested', drafts: [`box.put ${item}/1`], effects: [] })
  expectOnlyPreviews(`${item}/1`)
})

test.concurrent('a playbook that goes on after a failed write goes no further after a draft', async () => {
  const [first, second] = [newItem(), newItem()]
  const acts = [
    { tool: 'put', item: first },
    { tool: 'burn', item: second },
  ]
  const run = await start('chain', { acts, stubborn: true })
  expect(await draftsOf(run)).toEqual({ state: 'suggested', drafts: [`box.put ${first}`], effects: [] })
  expectOnlyPreviews(first)
  expect(boxes.asked(second, 'preview')).toEqual([])
})

test.concurrent('a run that was suggested is done: nobody can undo it', async () => {
  const run = await start('contends', { item: newItem() })
  await run.result()
  await expect(run.undo({ by: 'olga' })).rejects.toMatchObject({ type: 'run_not_found' })
})

test.concurrent('it replays, and says what it said', async () => {
  const run = await start('contends', { item: newItem() })
  await run.result()
  const history = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
  const { compared, differences } = await replayHistory(await bundleForReplay(BOX_WORKFLOWS), history)
  expect(differences).toEqual([])
  expect(compared.activity).toBe(2)
})
