import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { withdraw } from '../../src/ledger/people.ts'
import { newItem } from '../kernel/box-world.ts'
import { newBoxes } from '../kernel/boxes.ts'
import { executionsOf } from '../support/history.ts'
import { useOwnServer } from '../support/own-server.ts'
import { until } from '../support/world.ts'
import { BEN, CLEO, person, useOffice } from './office.ts'

const address = useOwnServer(['limit.historyCount.suggestContinueAsNew=60'])
const { tools } = newBoxes()
// What is shown again is the same action, with the same digest.
const preview = async () => ({ changes: [{ record: 'box', field: 'count', from: '0', to: '1' }], expect: {} })
const office = useOffice({ address, tools: tools.map((tool) => ('preview' in tool ? { ...tool, preview } : tool)) })

/** Sends what is refused until the run has gone on in another execution. */
async function untilItGoesOn(run: RunHandle): Promise<void> {
  const junk = { step: 'nothing', decision: 'approve', by: 'mallory', actionDigest: `sha256:${'0'.repeat(64)}` }
  while ((await executionsOf(office.world().temporal, run)) < 2) await office.tell(run.workflowId, 'decide', junk)
}

test.concurrent.for([
  ['in one execution', false],
  ['and the run has gone on in another', true],
] as const)('an approval that was lost counts no more when the question is shown again, %s', async ([, goesOn]) => {
  const gone = person(goesOn ? 'dora' : 'fay', ['approvers'])
  const { workflowId } = await office.putting(`${newItem()}/pair`)
  const run = office.as(BEN).run(workflowId)
  const first = await office.pendingOf(run)
  const { step, actionDigest } = first
  const approve = (who: typeof BEN) =>
    office.as(who).run(workflowId).decide({ step, actionDigest, decision: 'approve', comment: '' })
  expect(await approve(gone)).toMatchObject({ accepted: true })
  if (goesOn) await untilItGoesOn(run)
  await until('the approval to stand', async () => (await run.status()).pending[0]?.approvedBy[0])
  await withdraw(office.world().db, { subject: gone.subject, group: null, reason: 'left', by: 'otto' })
  expect(await approve(BEN)).toMatchObject({ accepted: true })
  const again = await until('the question once more', async () =>
    (await run.status()).pending.find(({ askedAt }) => askedAt !== first.askedAt),
  )
  expect(again).toMatchObject({ actionDigest, approvedBy: [] })
  expect(await approve(BEN)).toMatchObject({ accepted: true })
  expect((await run.status()).pending).toMatchObject([{ approvedBy: [BEN.subject] }])
  expect(await approve(CLEO)).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
})
