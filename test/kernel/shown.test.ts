import { expect, test } from 'vitest'
import { until } from '../support/world.ts'
import { newItem, useBoxes } from './box-world.ts'

const { world, boxes, start } = useBoxes()

const STATE = 'CountersignState'

/** The states that the search attributes of a run went through, as its history tells. */
async function statesOf(workflowId: string): Promise<readonly string[]> {
  const { events } = await world().temporal.workflow.getHandle(workflowId).fetchHistory()
  return (events ?? []).flatMap((event) => {
    const fields = event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields
    const data = fields?.[STATE]?.data
    return data === undefined || data === null ? [] : [String(JSON.parse(Buffer.from(data).toString()))]
  })
}

async function approved(tool: string): Promise<readonly string[]> {
  const item = `${newItem()}-ask`
  const run = await start('chain', { acts: [{ tool, item }] })
  const { step, actionDigest } = await until('a question', async () => (await run.status()).pending[0])
  await run.decide({ step, actionDigest, decision: 'approve', by: 'olga', comment: '' })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
  return await statesOf(run.workflowId)
}

test.concurrent('after a decision, a step in another system shows that the run goes on', async () => {
  expect(await approved('put')).toEqual(['in_progress', 'blocked', 'in_progress', 'completed'])
})

test.concurrent('the page of a run is of the moment in which it is asked for', async () => {
  const item = `${newItem()}-ask`
  const run = await start('chain', { acts: [{ tool: 'put', item }] })
  const { step, actionDigest } = await until('a question', async () => (await run.status()).pending[0])
  const page = async (): Promise<string> => {
    const handle = world().temporal.workflow.getHandle(run.workflowId)
    const metadata = await handle.query<{ readonly currentDetails: string }>('__temporal_workflow_metadata')
    return metadata.currentDetails
  }
  expect(await page()).toMatch(/^## blocked, waiting for approval\n/)
  // Refused, so that nothing goes on and nothing is upserted.
  await run.decide({ step, actionDigest, decision: 'approve', by: 'ana', comment: '' })
  expect(await page()).toContain('a decision by ana was refused')
  expect(boxes.held(item)).toBe(0)
})
