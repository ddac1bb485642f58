import { expect, test } from 'vitest'
import { pendingLimitOf } from '../support/refunds.ts'
import { useTimeSkipping } from '../support/time-skipping.ts'
import { startWorld, type World } from '../support/world.ts'
import { budgets, newItem, startIn } from './budget-world.ts'
import { fakeModel } from './model.ts'

const environment = useTimeSkipping()

test.for([
  ['asks', 'escalated', 4320],
  ['asks_briefly', 'refused', 90],
] as const)(
  'more than a limit, asked for in vain: a run under `%s` is %s after %i minutes',
  async ([playbook, state, minutes]) => {
    await using model = await fakeModel()
    const { boxes, options } = budgets(model)
    const world: World = await startWorld({ ...options, environment: environment() })
    try {
      const item = newItem()
      model.script(item, 'hang up', 'hang up', 'hang up')
      const run = await startIn(world, playbook, { item })
      const { deadline, askedAt, actionDigest, step } = await pendingLimitOf(run)
      expect(Date.parse(deadline) - Date.parse(askedAt)).toBe(minutes * 60_000)
      expect(await run.result()).toMatchObject({
        state,
        because: {
          code: 'approval_timed_out',
          message: '`raise the model budget from $0.0300 to $0.0600` was not approved in time',
        },
        effects: [],
        spend: { modelMicroUsd: 30_000 },
      })
      await expect(run.decide({ step, actionDigest, decision: 'approve', by: 'ben' })).rejects.toMatchObject({
        type: 'run_not_found',
      })
      expect(model.asked(item)).toBe(3)
      expect(boxes.asked(item)).toEqual([])
    } finally {
      await world.stop()
    }
  },
)
