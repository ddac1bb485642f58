import { Worker } from '@temporalio/worker'
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { failureOf } from '../../src/contract/failures.ts'
import { activitiesIn, eventsOf, typesOf } from '../support/history.ts'
import { startMessageOf } from '../support/refunds.ts'
import type { Json } from '../../src/contract/json.ts'
import { until } from '../support/world.ts'
import { bundleOf } from '../support/bundles.ts'
import { BOX_WORKFLOWS, newItem, useBoxes } from './box-world.ts'

const { world, boxes, start } = useBoxes()

const activities = async (run: Parameters<typeof eventsOf>[1]) => activitiesIn(await eventsOf(world().temporal, run))

test.concurrent('step ids are stable in loops, and side by side under the names that they were given', async () => {
  const item = newItem()
  const run = await start('loops', { item })
  expect(await run.result()).toMatchObject({ state: 'completed' })
  const ids = (await activities(run)).map(({ id }) => id)
  expect(ids.slice(0, 3)).toEqual(['box.put-1', 'box.put-2', 'box.put-3'])
  expect(ids.slice(3).toSorted()).toEqual(['box.put-a', 'box.put-b', 'box.put-c'])
  for (const name of ['1', '2', '3', 'a', 'b', 'c']) expect(boxes.held(`${item}/${name}`)).toBe(1)
})

test.concurrent.for(['a', '1'])(
  'a step name %s that is taken is a typed failure, and what was done is undone',
  async (again) => {
    const item = newItem()
    const run = await start('loops', { item, again })
    expect(await run.result()).toMatchObject({
      state: 'reverted',
      because: { code: 'input_invalid', message: expect.stringContaining('two steps of this run are named') },
    })
    for (const name of ['1', '2', '3', 'a', 'b']) expect(boxes.held(`${item}/${name}`)).toBe(0)
  },
)

test.concurrent('a playbook that swallows its end cannot go on', async () => {
  const item = newItem()
  const run = await start('swallows', { item })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    outcome: null,
    because: { code: 'denied_by_policy', rules: [{ rule: 'deny_if.item_contains' }] },
    effects: [],
  })
  expect(boxes.calls.filter((call) => call.item.startsWith(item))).toEqual([])
  expect(await activities(run)).toEqual([])
})

test.concurrent('a plain throw ends the run as failed and typed, and never wedges it', async () => {
  const run = await start('chain', { acts: [], finally: 'throw' })
  expect(await run.result()).toMatchObject({
    state: 'failed',
    because: { code: 'playbook_failed', message: 'Error: boom' },
  })
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  expect((await handle.describe()).status.name).toBe('FAILED')
  const error = await handle.result().catch((thrown: unknown) => thrown)
  expect(failureOf(error)).toMatchObject({ code: 'playbook_failed' })
  expect(typesOf(await eventsOf(world().temporal, run))).not.toContain('EVENT_TYPE_WORKFLOW_TASK_FAILED')
})

test.concurrent('a plain throw after an effect reverts the run', async () => {
  const item = newItem()
  const run = await start('chain', { acts: [{ tool: 'put', item }], finally: 'throw' })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'playbook_failed' },
    effects: [{ state: 'undone' }],
  })
  expect(boxes.held(item)).toBe(0)
})

test.concurrent.for([
  ['refuse', 'refused', 'refused_by_playbook'],
  ['escalate', 'escalated', 'escalated_by_playbook'],
] as const)('a playbook that says %s ends as %s, and what was done is undone', async ([end, state, code]) => {
  const item = newItem()
  const run = await start('chain', { acts: [{ tool: 'put', item }], finally: end })
  expect(await run.result()).toMatchObject({ state, because: { code }, effects: [{ state: 'undone' }] })
  expect(boxes.held(item)).toBe(0)
})

test.concurrent.for(['text', 'bigint', 'cycle', 'function'] as const)(
  'a playbook that gives a %s ends, with plain JSON or as a typed failure, and never wedges',
  async (gives) => {
    const item = newItem()
    const run = await start('odd', { item, gives })
    const closed = until(`the end of ${run.workflowId}`, async () => {
      const types = typesOf(await eventsOf(world().temporal, run))
      return types.find((type) => type === 'EVENT_TYPE_WORKFLOW_TASK_FAILED' || type.includes('EXECUTION_COMPLETED'))
    })
    expect(await closed).toBe('EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED')
    const { state } = await run.result()
    expect(state).toBe(gives === 'function' ? 'completed' : 'reverted')
    expect(boxes.held(item)).toBe(state === 'completed' ? 1 : 0)
  },
)

test.concurrent.for(['peek', 'steal', 'dream'] as const)(
  'a call of `%s`, which is not listed, is refused',
  async (calls) => {
    const item = newItem()
    const run = await start('strays', { item, calls })
    expect(await run.result()).toMatchObject({
      state: 'refused',
      because: { code: 'tool_not_listed', message: expect.stringContaining(`box.${calls}`) },
    })
    expect(await activities(run)).toEqual([])
  },
)

test.concurrent.for([
  ['nothing', 'escalated', 'evidence_missing'],
  ['model', 'escalated', 'evidence_missing'],
  ['two', 'escalated', 'evidence_missing'],
  ['copy', 'failed', 'evidence_missing'],
  ['made up', 'failed', 'evidence_missing'],
  ['undefined', 'failed', 'evidence_missing'],
  ['other', 'escalated', 'evidence_unsupported'],
] as const)('an action that cites %s ends as %s with %s, and does not run', async ([what, state, code]) => {
  const item = newItem()
  const run = await start('cites', { item, what })
  expect(await run.result()).toMatchObject({ state, because: { code }, effects: [] })
  expect(boxes.asked(item)).toEqual([])
})

test.concurrent('an action that cites what it rests on runs', async () => {
  const item = newItem()
  const run = await start('cites', { item, what: 'box' })
  expect(await run.result()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
})

test.concurrent('a model’s word alone bears nothing out where the policy demands evidence', async () => {
  const item = newItem()
  const run = await start('believes', { item })
  expect(await run.result()).toMatchObject({ state: 'escalated', because: { code: 'evidence_missing' } })
  expect(boxes.asked(item)).toEqual([])
})

test.concurrent('an action that cannot be decided is refused', async () => {
  const item = `${newItem()}/unclear`
  const run = await start('cites', { item, what: 'box' })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: { code: 'decision_failed', message: expect.stringContaining('no idea') },
  })
  expect(boxes.asked(item)).toEqual([])
})

test.concurrent('a read of what does not exist is a typed failure after one attempt', async () => {
  const run = await start('reads', { item: 'unknown', times: 1, size: 0 })
  expect(await run.result()).toMatchObject({ state: 'failed', because: { code: 'not_found' } })
})

test.concurrent('a result too large for a local read is read by an ordinary activity', async () => {
  const run = await start('reads', { item: newItem(), times: 1, size: 70_000 })
  expect(await run.result()).toMatchObject({ state: 'completed', outcome: { lengths: [70_000] } })
  expect(await activities(run)).toMatchObject([{ id: 'box.look-1', type: 'box.look' }])
})

test.concurrent('a result too large to be carried is a typed failure', async () => {
  const run = await start('reads', { item: newItem(), times: 1, size: 2_100_000 })
  expect(await run.result()).toMatchObject({ state: 'failed', because: { code: 'result_too_large' } })
})

test.concurrent('a workflow task takes no more local reads than it can carry, and the history replays', async () => {
  const run = await start('reads', { item: newItem(), times: 20, size: 60_000 })
  expect(await run.result()).toMatchObject({ state: 'completed', outcome: { lengths: expect.any(Array) } })
  expect((await activities(run)).length).toBeGreaterThanOrEqual(5)
  const history = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
  const { bundle } = await bundleOf(BOX_WORKFLOWS)
  await expect(Worker.runReplayHistory({ workflowBundle: bundle }, history)).resolves.toBeUndefined()
})

test('hundreds of local reads replay, although Temporal split their workflow task and somebody looked on', async () => {
  const run = await start('reads', { item: newItem(), times: 400, size: 10, apart: true })
  const outcome = run.outcome()
  let looks = 0
  while ((await run.status()).result === null) looks++
  expect(await outcome).toMatchObject({ state: 'completed', outcome: { times: 400 } })
  expect(looks).toBeGreaterThan(3)
  const history = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
  const { bundle } = await bundleOf(BOX_WORKFLOWS)
  await expect(Worker.runReplayHistory({ workflowBundle: bundle }, history)).resolves.toBeUndefined()
})

type Signs = (request: Json) => { readonly request: Json; readonly statement: Json }
const BAD_STARTS: readonly (readonly [what: string, code: string, start: (signed: Signs) => unknown])[] = [
  ['nothing', 'request_invalid', () => undefined],
  ['null', 'request_invalid', () => null],
  ['a text', 'request_invalid', () => 'please'],
  ['no statement', 'statement_missing', () => ({ request: { acts: [] } })],
  ['only a name', 'statement_missing', () => ({ principal: { subject: 'ana' }, request: { acts: [] } })],
  ['a statement that is a text', 'statement_malformed', () => ({ statement: 'ana', request: { acts: [] } })],
  ['a name beside its statement', 'request_invalid', (signed) => ({ ...signed({ acts: [] }), by: 'ana' })],
  ['no request', 'request_invalid', (signed) => ({ statement: signed({ acts: [] }).statement })],
  ['a request of another type', 'request_invalid', (signed) => signed({ acts: 'all' })],
  ['a request with a field too many', 'request_invalid', (signed) => signed({ acts: [], x: 1 })],
  [
    'another request than was signed',
    'statement_other_request',
    (signed) => ({ ...signed({ acts: [] }), request: { acts: [], finally: 'throw' } }),
  ],
]

test.concurrent.for(BAD_STARTS)('a start with %s fails with %s, and nothing runs', async ([, code, messageOf]) => {
  const workflowId = `bad-${randomUUID()}`
  const { taskQueue, temporal } = world()
  const message = messageOf((request) =>
    startMessageOf(workflowId, request, { subject: 'ana', workspace: 'boxes' }, 'chain'),
  )
  await temporal.workflow.start('chain', { workflowId, taskQueue, args: message === undefined ? [] : [message] })
  const run = world().client.run(workflowId)
  expect(await run.result()).toMatchObject({ state: 'failed', because: { code }, effects: [] })
  expect(await activities(run)).toEqual([])
})

test.concurrent('any client can start a run with plain JSON', async () => {
  const workflowId = `raw-${randomUUID()}`
  const item = newItem()
  const { taskQueue, temporal } = world()
  const request = { acts: [{ tool: 'put', item }] }
  await temporal.workflow.start('chain', {
    workflowId,
    taskQueue,
    args: [startMessageOf(workflowId, request, { subject: 'ana', workspace: 'boxes' }, 'chain')],
  })
  expect(await world().client.run(workflowId).outcome()).toMatchObject({ state: 'completed', outcome: { done: 1 } })
  expect(boxes.held(item)).toBe(1)
})
