import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { replayHistory } from '../../src/audit/replay.ts'
import { bundleForReplay } from '../../src/worker/bundle.ts'
import { eventsOf, typesOf } from '../support/history.ts'
import { BOX_WORKFLOWS, newItem, useBoxes } from './box-world.ts'

const { start, world } = useBoxes()
const TRIES = 40

/** Asks a run for its status again and again until it has ended, so that a query comes with nearly every workflow task. */
async function look(run: RunHandle): Promise<void> {
  while ((await run.status()).result === null);
}

/** Whether a local activity ended the workflow task that asked for it and for others, and went on in the next one. */
const isSplit = (types: readonly string[]): boolean =>
  types.some(
    (type, at) =>
      type === 'EVENT_TYPE_MARKER_RECORDED' &&
      types[at - 1] === 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED' &&
      types[at + 1] === 'EVENT_TYPE_WORKFLOW_TASK_SCHEDULED',
  )

test('a run that is refused while other steps are under way replays, however often it was looked at', async () => {
  const bundle = await bundleForReplay(BOX_WORKFLOWS)
  let met = 0
  for (let attempt = 0; attempt < TRIES && met < 1; attempt += 1) {
    const item = newItem()
    const acts = [item, `${item}/b`, 'forbidden'].map((what, at) => ({ as: `step-${at}`, item: what }))
    const run = await start('pairs', { acts, first: `${item}/first` })
    await Promise.all([look(run), look(run), look(run)])
    const events = await eventsOf(world().temporal, run)
    if (!isSplit(typesOf(events))) continue
    met += 1
    const { differences } = await replayHistory(bundle, { events: [...events] })
    // The time of a split task is told by its second half, and in a replay by its first.
    expect(differences.filter(({ path }) => path !== 'warrant.issuedAt')).toEqual([])
  }
  expect(met).toBeGreaterThan(0)
}, 180_000)
