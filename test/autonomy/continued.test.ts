import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { newItem, useBoxes } from '../kernel/box-world.ts'
import { useOwnServer } from '../support/own-server.ts'

/** Temporal suggests to go on in another execution at 4,096 events; here it does so soon. */
const address = useOwnServer(['limit.historyCount.suggestContinueAsNew=60'])
const policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
await writeFile(
  join(policies, 'watches.yaml'),
  'workflow: watches\nautonomy: suggest\naudit: { log_level: standard }\n',
)
afterAll(() => rm(policies, { recursive: true }))
const { boxes, start, world } = useBoxes({ address, policies, workflows: join(import.meta.dirname, 'playbooks.ts') })

test('a draft waits for what goes on beside it, in other executions too, and is made once', async () => {
  const item = newItem()
  const run = await start('watches', { item, looks: 150 })
  const { state, drafts = [], effects } = await run.result()
  expect({ state, effects, drafts: drafts.map(({ describe }) => describe) }).toEqual({
    state: 'suggested',
    effects: [],
    drafts: [`box.put ${item}/early`, `box.put ${item}/late`],
  })
  let executions = 0
  for await (const _ of world().temporal.workflow.list({ query: `WorkflowId = '${run.workflowId}'` })) executions++
  expect(executions).toBeGreaterThanOrEqual(3)
  expect((await run.status()).timeline.filter(({ kind }) => kind === 'draft')).toHaveLength(2)
  for (const one of [`${item}/early`, `${item}/late`]) {
    expect([boxes.asked(one, 'preview').length, boxes.asked(one).length]).toEqual([1, 0])
  }
})
