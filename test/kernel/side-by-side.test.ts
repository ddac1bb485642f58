import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { eventsOf, typesOf } from '../support/history.ts'
import { approvalOf, codeOfAnswer, shownResult } from '../support/refunds.ts'
import { until } from '../support/world.ts'
import { newItem, useBoxes } from './box-world.ts'

const { world, boxes, start } = useBoxes()

const questionsOf = (run: RunHandle, count: number) =>
  until(`${count} questions`, async () => {
    const { pending } = await run.status()
    return pending.length === count ? pending.toSorted((a, b) => a.step.localeCompare(b.step)) : undefined
  })
const asks = (item: string, ...names: readonly string[]) =>
  start('pairs', { acts: names.map((as) => ({ as, item: `${item}/${as}/ask` })) })

test.concurrent('actions that wait side by side are each approved by their own digest', async () => {
  const item = newItem()
  const run = await asks(item, 'a', 'b')
  const [a, b] = await questionsOf(run, 2)
  if (a === undefined || b === undefined) throw new Error('two questions were asked')
  expect(await codeOfAnswer(run.decide({ ...approvalOf(a), actionDigest: b.actionDigest }))).toBe(
    'decision_wrong_digest',
  )
  expect(await codeOfAnswer(run.decide(approvalOf(a)))).toBe('accepted')
  await until('the first effect', async () => (boxes.held(`${item}/a/ask`) === 1 ? true : undefined))
  expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'approval', pending: [{ step: b.step }] })
  expect(boxes.held(`${item}/b/ask`)).toBe(0)
  await run.decide(approvalOf(b))
  expect(await run.outcome()).toMatchObject({ state: 'completed', effects: [{ state: 'done' }, { state: 'done' }] })
})

test.concurrent('a rejection of one action closes the question of the other, and what was done is undone', async () => {
  const item = newItem()
  const run = await asks(item, 'a', 'b', 'c')
  const [a, b] = await questionsOf(run, 3)
  if (a === undefined || b === undefined) throw new Error('two questions were asked')
  await run.decide(approvalOf(a))
  await until('the first effect', async () => (boxes.held(`${item}/a/ask`) === 1 ? true : undefined))
  await run.decide({ ...approvalOf(b), decision: 'reject' })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: { code: 'approval_rejected', action: { step: b.step } },
    effects: [{ state: 'undone' }],
  })
  expect(['a', 'b', 'c'].map((name) => boxes.held(`${item}/${name}/ask`))).toEqual([0, 0, 0])
  expect((await run.status()).pending).toEqual([])
})

test.concurrent('an effect under way when another fails is waited for and then undone', async () => {
  const item = newItem()
  boxes.script(`${item}/slow`, 'wait')
  boxes.script(`${item}/bad`, 'refuse')
  const run = await start('pairs', {
    acts: [
      { as: 'slow', item: `${item}/slow` },
      { as: 'bad', item: `${item}/bad` },
    ],
  })
  await until('the failure of the other', async () =>
    typesOf(await eventsOf(world().temporal, run)).find((type) => type === 'EVENT_TYPE_ACTIVITY_TASK_FAILED'),
  )
  boxes.open()
  expect(await shownResult(run)).toMatchObject({ state: 'reverted', because: { code: 'precondition_failed' } })
  expect(boxes.held(`${item}/slow`)).toBe(0)
})

test.concurrent.for(['1.preview', '1.preview-2', '1.undo'])(
  'a step named %s cannot take the place of a step of the kernel: the run ends and never wedges',
  async (as) => {
    const item = newItem()
    const run = await start('pairs', {
      acts: [
        { as: '1', item: `${item}/ask` },
        { as, item: `${item}/b` },
      ],
    })
    const found = await until('an end or a wedge', async () => {
      const types = typesOf(await eventsOf(world().temporal, run))
      const wedge = types.find((type) => type === 'EVENT_TYPE_WORKFLOW_TASK_FAILED')
      if (wedge !== undefined) return wedge
      const { pending, result } = await run.status()
      return result?.state ?? pending[0]?.actionDigest
    })
    expect(found).not.toBe('EVENT_TYPE_WORKFLOW_TASK_FAILED')
  },
)
