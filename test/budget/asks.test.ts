import { expect, test } from 'vitest'
import type { ThinkCall } from '../../src/contract/calls.ts'
import { raiseDigestOf } from '../../src/contract/raise.ts'
import type { DecideMessage, RunHandle } from '../../src/client/index.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { codeOfAnswer, pendingLimitOf } from '../support/refunds.ts'
import { until } from '../support/world.ts'
import { newItem, REQUESTER, useBudgets } from './budget-world.ts'
import { ANSWER_MICRO_USD, WORST_MICRO_USD } from './contracts.ts'
import type { Turn } from './model.ts'

const { world, boxes, model, start } = await useBudgets()

const hangUps = (times: number): readonly Turn[] => Array.from({ length: times }, () => 'hang up' as const)

/** A run that has used its budget of $0.03 up and asks for more. */
async function asking(...turns: readonly Turn[]) {
  const item = newItem()
  model.script(item, ...hangUps(3), ...turns)
  const run = await start('asks', { item })
  return { item, run, pending: await pendingLimitOf(run) }
}

type Asked = Awaited<ReturnType<typeof asking>>['pending']
const decisionOn = ({ step, actionDigest }: Asked, more: Partial<DecideMessage> = {}): DecideMessage => ({
  step,
  actionDigest,
  decision: 'approve',
  by: 'ben',
  ...more,
})

async function expectNothing(run: RunHandle, item: string, because: object): Promise<void> {
  expect(await run.result()).toMatchObject({ outcome: null, because, effects: [] })
  expect(model.asked(item)).toBe(3)
  expect(boxes.asked(item)).toEqual([])
}

test.concurrent('a run that asks for more shows what was spent, the cap and what it asks for', async () => {
  const { run, pending } = await asking()
  const status = await run.status()
  expect(status).toMatchObject({ state: 'blocked', waitingFor: 'limit', result: null })
  expect(pending).toMatchObject({
    about: 'limit',
    step: 'model_budget-1',
    describe: 'raise the model budget from $0.0300 to $0.0600',
    raise: {
      runKey: status.runKey,
      limit: 'model_budget',
      from: 30_000,
      to: 60_000,
      used: 3 * WORST_MICRO_USD,
      neededBy: 'box.ponder-1',
      needs: WORST_MICRO_USD,
      policyDigest: status.policyDigest,
    },
  })
  expect(pending.actionDigest).toBe(raiseDigestOf(pending.raise))
  expect(Date.parse(pending.deadline) - Date.parse(pending.askedAt)).toBe(4320 * 60_000)
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  const page = await handle.query<{ readonly currentDetails: string }>('__temporal_workflow_metadata')
  expect(page.currentDetails).toContain('## blocked, waiting for a budget raise (limit)')
  expect(page.currentDetails).toContain('**raise the model budget from \\$0.0300 to \\$0.0600**')
  expect(page.currentDetails).toContain('- because \\$0.0300 used, and box.ponder-1 may need \\$0.0100')
  const [, half = '', rest = ''] = /^(sha256:.{32})(.{32})$/.exec(pending.actionDigest) ?? []
  const command = ['model_budget-1 \\', `  --digest ${half}\\`, `${rest} \\`, '  --by <you>', ''].join('\n')
  expect(page.currentDetails).toContain(command)
  const summary = await until('the search attributes', async () => {
    const found = await run.summary()
    return found.waitingFor === 'limit' ? found : undefined
  })
  expect(summary.state).toBe('blocked')
  await run.cancel()
  expect(await run.result()).toMatchObject({ state: 'reverted' })
})

test.concurrent('an approved raise lets the run go on, under a cap that the host has verified', async () => {
  const { run, item, pending } = await asking('hang up', 'answer')
  expect(await run.decide(decisionOn(pending))).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({
    state: 'completed',
    spend: { modelMicroUsd: 4 * WORST_MICRO_USD + ANSWER_MICRO_USD },
  })
  expect(boxes.held(item)).toBe(1)
  const calls = activitiesIn(await eventsOf(world().temporal, run)).filter(({ type }) => type === 'model.think')
  const [first, second] = calls.map(({ input }) => input as ThinkCall)
  expect(Object.keys(first ?? {})).toEqual(['runKey', 'step', 'thought', 'input'])
  expect(second?.raises).toMatchObject([{ raise: pending.raise, approvals: [{ by: 'ben', decision: 'approve' }] }])
  expect(calls.map(({ id }) => id)).toEqual(['box.ponder-1', 'box.ponder-1'])
})

test.concurrent('it is asked again at the next cap, and each question is on the record', async () => {
  const { run, item, pending } = await asking(...hangUps(3), 'answer')
  await run.decide(decisionOn(pending))
  const next = await pendingLimitOf(run, pending.actionDigest)
  expect(next).toMatchObject({ step: 'model_budget-2', raise: { from: 60_000, to: 90_000, used: 60_000 } })
  expect(model.asked(item) * WORST_MICRO_USD).toBe(60_000)
  expect(await codeOfAnswer(run.decide(decisionOn(pending)))).toBe('decision_already_made')
  await run.decide(decisionOn(next, { by: 'carl' }))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
  const { timeline, attempts } = await run.status()
  expect(timeline.filter(({ kind }) => kind === 'ask' || kind === 'decide').map(({ text }) => text)).toEqual([
    'asks for approval: raise the model budget from $0.0300 to $0.0600',
    'ben (development: nobody proved it) approves',
    'asks for approval: raise the model budget from $0.0600 to $0.0900',
    'carl (development: nobody proved it) approves',
  ])
  expect(attempts.map(({ answer }) => answer.accepted)).toEqual([true, false, true])
})

test.concurrent('a rejected raise refuses the run', async () => {
  const { run, item, pending } = await asking()
  await run.decide(decisionOn(pending, { decision: 'reject', comment: 'too dear' }))
  const message = 'ben said no to `raise the model budget from $0.0300 to $0.0600`: too dear'
  await expectNothing(run, item, { code: 'approval_rejected', message, by: 'ben' })
  expect(await run.status()).toMatchObject({ state: 'refused', waitingFor: null, pending: [] })
})

const REFUSED: readonly (readonly [what: string, code: string, more: Partial<DecideMessage>])[] = [
  ['by the requester', 'decision_by_requester', { by: REQUESTER.subject.toUpperCase() }],
  ['on another digest', 'decision_wrong_digest', { actionDigest: `sha256:${'0'.repeat(64)}` }],
  ['on another question', 'decision_unknown_step', { step: 'model_budget-2' }],
]

test.concurrent.for(REFUSED)('a decision %s raises nothing, and is on the record', async ([, code, more]) => {
  const { run, item, pending } = await asking('answer')
  expect(await run.decide(decisionOn(pending, more))).toMatchObject({ accepted: false, code })
  const status = await run.status()
  expect(status).toMatchObject({ state: 'blocked', waitingFor: 'limit', attempts: [{ answer: { code } }] })
  await run.cancel()
  await expectNothing(run, item, { code: 'cancelled' })
})

test.concurrent('after a reset a raise is asked for again, since what was spent still counts', async () => {
  const { run, item, pending } = await asking('answer')
  await run.decide(decisionOn(pending))
  const before = await run.outcome()
  expect(before).toMatchObject({ state: 'completed' })
  const events = await eventsOf(world().temporal, run)
  const task = events.find((event) => event.workflowTaskCompletedEventAttributes)?.eventId
  await world().temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run.workflowId },
    reason: 'a test',
    workflowTaskFinishEventId: task ?? null,
    requestId: crypto.randomUUID(),
  })
  const again = await pendingLimitOf(run)
  expect(again.raise).toMatchObject({ from: 30_000, to: 60_000, used: 3 * WORST_MICRO_USD + ANSWER_MICRO_USD })
  expect(model.asked(item)).toBe(4)
  await run.decide(decisionOn(again, { decision: 'reject' }))
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: { code: 'approval_rejected' },
    effects: [{ step: 'box.put-1', state: 'undone' }],
  })
  expect(boxes.held(item)).toBe(0)
})
