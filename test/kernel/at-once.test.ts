import { join } from 'node:path'
import { expect, test } from 'vitest'
import { replayHistory } from '../../src/audit/replay.ts'
import { bundleForReplay } from '../../src/worker/bundle.ts'
import { pendingOf, sendRaw, signedApprovalOf } from '../support/refunds.ts'
import { newItem } from './box-world.ts'
import { useHostile } from './hostile-world.ts'

const { world, start } = useHostile()

const RUNS = 6

// What a host hears one after the other is told at once in a replay: what follows from it must come in the same order.
test('runs that are told many things at once by several people replay', { timeout: 120_000 }, async () => {
  const bundle = await bundleForReplay(join(import.meta.dirname, 'hostile-playbooks.ts'))
  for (let at = 0; at < RUNS; at++) {
    const run = await start('ends', { item: newItem(), does: 'ask' })
    const pending = await pendingOf(run)
    const handle = world().temporal.workflow.getHandle(run.workflowId)
    const said = await Promise.all([
      ...Array.from({ length: 4 }, () => sendRaw(world(), run, 'decide', signedApprovalOf(pending, 'ana', 'boxes'))),
      handle.signal('decide', signedApprovalOf(pending, 'ben', 'boxes')),
      ...Array.from({ length: 4 }, () => sendRaw(world(), run, 'decide', signedApprovalOf(pending, 'ana', 'boxes'))),
    ])
    expect(said.filter((answer) => typeof answer === 'object' && answer.accepted)).toEqual([])
    expect(await run.outcome()).toMatchObject({ state: 'completed' })
    const { differences } = await replayHistory(bundle, await handle.fetchHistory())
    expect(differences).toEqual([])
  }
})
