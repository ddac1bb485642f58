import { Worker } from '@temporalio/worker'
import { expect, test } from 'vitest'
import type { Warrant } from '../../src/contract/action.ts'
import { approvalOf, pendingOf } from '../support/refunds.ts'
import { bundleOf } from '../support/bundles.ts'
import { newItem } from './box-world.ts'
import { DELEGATING_WORKFLOWS, DONE, useDelegations } from './delegating-world.ts'

const { world, boxes, start, work, shown, scripts, stepsOf } = useDelegations()

test.concurrent('a proposed call is a step like any other, and cites evidence, proposal and what was read', async () => {
  const name = newItem()
  const { item, run } = await work(
    [
      { tool: 'box.look', give: { item: `${name}/a`, size: 3 }, summary: 'look first' },
      { tool: 'box.put', give: { item: `${name}/x` }, summary: 'fill it' },
      { tool: 'box.pay', summary: 'pay for it' },
      DONE,
    ],
    {},
    name,
  )
  expect(await run.outcome()).toMatchObject({
    state: 'completed',
    outcome: { summary: 'all done', put: 1, counts: [0] },
    effects: [{ step: 'box.put-1' }, { step: 'box.pay-1' }],
    spend: { toolCalls: 4 },
  })
  expect([boxes.held(`${item}/x`), boxes.held(item)]).toEqual([1, 1])
  const steps = await stepsOf(run)
  expect(steps.map(({ id }) => id)).toEqual([
    'box.next-1',
    'box.next-2',
    'box.put-1',
    'box.next-3',
    'box.pay-1',
    'box.next-4',
  ])
  const [paid] = steps.filter(({ id }) => id === 'box.pay-1')
  const { warrant } = (paid as { readonly input: { readonly warrant: Warrant } }).input
  expect(warrant).toMatchObject({ plan: 'the model proposes box.pay: pay for it', decision: { effect: 'allow' } })
  expect(warrant.evidence.map(({ receipt }) => [receipt.kind, receipt.step])).toEqual([
    ['record', 'box.look-1'],
    ['model', 'box.next-3'],
    ['record', 'box.put-1'],
  ])

  const { bundle } = await bundleOf(DELEGATING_WORKFLOWS)
  const history = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
  await expect(Worker.runReplayHistory({ workflowBundle: bundle }, history)).resolves.toBeUndefined()
})

test.concurrent('the model sees the goal, what the playbook shows, and of each offer the fields that are its own', async () => {
  const { item, run } = await work([{ tool: 'box.put', give: { item: 'x' } }, DONE])
  await run.outcome()
  const [first, second] = shown.get(item) ?? []
  expect(first).toMatchObject({ goal: 'Fill the boxes.', seen: { item, box: { item, count: 0 } }, steps: [], left: 10 })
  expect(first?.offers).toMatchObject([
    { tool: 'box.look', fields: { properties: { item: { enum: [`${item}/a`, `${item}/b`, `${item}/unknown`] } } } },
    { tool: 'box.put', title: 'box.put', fields: { required: ['item'], additionalProperties: false } },
    { tool: 'box.pay', fields: { properties: {}, additionalProperties: false } },
  ])
  expect(second?.steps).toEqual([
    { tool: 'box.put', input: '{"item":"x"}', became: 'done', result: { item: 'x', number: expect.any(Number) } },
  ])
  expect(second?.left).toBe(9)
})

test.concurrent('a write is offered as often as the playbook says, and no more', async () => {
  const name = newItem()
  const put = { tool: 'box.put', give: { item: name } }
  const { item, run } = await work([put, put, put, DONE], {}, name)
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { put: 2 } })
  expect(boxes.held(item)).toBe(2)
  expect(shown.get(item)?.at(-1)?.steps.at(-1)).toMatchObject({ became: 'not_run', result: '`box.put` is not offered' })
})

test.concurrent('a model that is never done ends the run after its last answer, which is not run', async () => {
  const name = newItem()
  const { run } = await work([{ tool: 'box.look', give: { item: `${name}/a`, size: 0 } }], { maxSteps: 4 }, name)
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'delegation_unfinished', message: 'box.next was not done after 4 answers' },
    spend: { toolCalls: 4 },
  })
  expect(shown.get(name)).toHaveLength(4)
})

test.concurrent('the budget of tool calls holds for what a model proposes', async () => {
  const name = newItem()
  const { run } = await work([{ tool: 'box.look', give: { item: `${name}/a`, size: 0 } }], { maxSteps: 50 }, name)
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'tool_budget_exceeded' },
    spend: { toolCalls: 20 },
  })
})

test.concurrent.for([false, true])(
  'what the policy denies ends the run, also if the playbook catches it: %s',
  async (catches) => {
    const name = newItem()
    const { run } = await work([{ tool: 'box.put', give: { item: `${name}/forbidden` } }], { catches }, name)
    expect(await run.result()).toMatchObject({ state: 'refused', because: { code: 'denied_by_policy' }, effects: [] })
    expect([boxes.held(`${name}/forbidden`), boxes.held(`${name}/after`)]).toEqual([0, 0])
    expect(shown.get(name)).toHaveLength(1)
  },
)

test.concurrent('a proposed call that needs a person waits for one, and then the model goes on', async () => {
  const name = newItem()
  const { run } = await work([{ tool: 'box.put', give: { item: `${name}/ask` } }, DONE], {}, name)
  const pending = await pendingOf(run)
  expect([pending.step, boxes.held(`${name}/ask`)]).toEqual(['box.put-1', 0])
  expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { put: 1 } })
  expect(boxes.held(`${name}/ask`)).toBe(1)
})

test.concurrent('a read that finds nothing is told to the model', async () => {
  const name = newItem()
  const { run } = await work([{ tool: 'box.look', give: { item: `${name}/unknown`, size: 0 } }, DONE], {}, name)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(shown.get(name)?.[1]?.steps).toMatchObject([
    { became: 'failed', result: expect.stringContaining('not_found: There is no box') },
  ])
})

test.concurrent('a write that fails ends the run as it would have ended it in a playbook', async () => {
  const name = newItem()
  boxes.script(`${name}/bad`, 'refuse')
  const { run } = await work(
    [
      { tool: 'box.put', give: { item: name } },
      { tool: 'box.put', give: { item: `${name}/bad` } },
    ],
    {},
    name,
  )
  expect(await run.result()).toMatchObject({ state: 'reverted', because: { code: 'precondition_failed' } })
  expect(boxes.held(name)).toBe(0)
})

test.concurrent('what is told of earlier steps stays small, however large the results are', async () => {
  const name = newItem()
  const large = { tool: 'box.look', give: { item: `${name}/a`, size: 60_000 } }
  const { run } = await work([...Array.from({ length: 15 }, () => large), DONE], { maxSteps: 20 }, name)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  const last = shown.get(name)?.at(-1)?.steps ?? []
  expect(last).toHaveLength(15)
  expect(JSON.stringify(last).length).toBeLessThan(60_000)
  expect(last[0]?.result).toBe('(left out: too long ago)')
  expect(last.at(-1)?.result).toMatch(/xxx \(cut\)$/)
})

test.concurrent('delegations side by side have steps of their own names, counted by tool', async () => {
  const item = newItem()
  for (const [side, before] of [
    ['red', [{ tool: 'box.look', give: { item } }]],
    ['blue', []],
  ] as const) {
    scripts.set(`${item}/${side}`, [
      ...before,
      { tool: 'box.put', give: { item: `${item}/${side}` } },
      { ...DONE, summary: side },
    ])
  }
  const run = await start('sides', { item })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: ['red', 'blue'] })
  const ids = (await stepsOf(run)).map(({ id }) => id).toSorted()
  expect(ids).toEqual(
    ['box.next-blue-1', 'box.next-blue-2', 'box.next-red-1', 'box.next-red-2', 'box.next-red-3']
      // Whatever was looked at before it.
      .concat('box.put-blue-1', 'box.put-red-1'),
  )
})

test.concurrent.for([
  ['no field of the tool', 'input_invalid', 'has no field `colour`'],
  ['a field twice', 'input_invalid', '`item` is named twice'],
  ['a field for nobody', 'input_invalid', "`item` is neither fixed nor the model's"],
  ['no time at all', 'input_invalid', 'less than once'],
  ['evidence of its own', 'evidence_missing', 'no step of this run returned'],
  ['an unlisted tool', 'tool_not_listed', 'box.steal'],
  ['twice', 'input_invalid', 'offered twice'],
  ['too much', 'input_invalid', 'at most 200000'],
  ['too many steps', 'input_invalid', 'from 1 to 50'],
] as const)('a playbook that offers %s ends with %s, and nothing is done', async ([what, code, said]) => {
  const item = newItem()
  scripts.set(item, [{ tool: what === 'an unlisted tool' ? 'box.steal' : 'box.put', give: { item } }])
  const run = await start('misoffers', { item, what })
  expect(await run.result()).toMatchObject({
    state: code === 'tool_not_listed' ? 'refused' : 'failed',
    because: { code, message: expect.stringContaining(said) },
    effects: [],
  })
  expect(boxes.asked(item)).toEqual([])
})
