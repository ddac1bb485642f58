import { temporal } from '@temporalio/proto'
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Answer } from '../../src/client/index.ts'
import { approvalOf, pendingOf, sendRaw, signedApprovalOf } from '../support/refunds.ts'
import { newItem } from './box-world.ts'
import { useHostile } from './hostile-world.ts'

const { world, boxes, start } = useHostile()
const encoder = new TextEncoder()
const COMPLETED =
  temporal.api.enums.v1.UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED
const refused = { accepted: false, code: 'decision_malformed' }

/** A run that waits for a decision on its second write. */
async function waiting() {
  const item = newItem()
  const run = await start('ends', { item, does: 'ask' })
  const pending = await pendingOf(run)
  const approval = approvalOf(pending, 'ben')
  return {
    run,
    item,
    approval,
    signed: signedApprovalOf(pending, 'ben', 'boxes'),
    /** The right decision is accepted, and the write is done once; so nothing was done or wedged before. */
    expectGoesOn: async () => {
      expect(boxes.held(`${item}/ask`)).toBe(0)
      expect(await run.decide(approval)).toMatchObject({ accepted: true })
      expect(await run.outcome()).toMatchObject({ state: 'completed' })
      expect(boxes.held(`${item}/ask`)).toBe(1)
    },
  }
}

type Payload = temporal.api.common.v1.IPayload
const PAYLOADS: readonly (readonly [string, readonly Payload[]])[] = [
  ['broken JSON', [{ metadata: { encoding: encoder.encode('json/plain') }, data: encoder.encode('{bad') }]],
  ['an unknown encoding', [{ metadata: { encoding: encoder.encode('binary/encrypted') }, data: encoder.encode('x') }]],
  ['no encoding', [{ data: encoder.encode('x') }]],
  ['no argument', []],
]

test.concurrent.for(PAYLOADS)(
  'signals in %s do not wedge a run that waits',
  { timeout: 20_000 },
  async ([, payloads]) => {
    const { run, expectGoesOn } = await waiting()
    for (const signalName of ['decide', 'undo', 'resolve']) {
      await world().temporal.workflowService.signalWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: run.workflowId },
        signalName,
        input: { payloads: [...payloads] },
      })
    }
    const codes = ['decision_malformed', 'undo_malformed', 'resolve_malformed']
    expect(await run.status()).toMatchObject({
      state: 'blocked',
      attempts: codes.map((code) => ({ by: null, answer: { accepted: false, code } })),
    })
    await expectGoesOn()
  },
)

test.concurrent.for(PAYLOADS)(
  'an update in %s does not wedge a run that waits',
  { timeout: 20_000 },
  async ([, payloads]) => {
    const { run, expectGoesOn } = await waiting()
    await world().temporal.workflowService.updateWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: run.workflowId },
      waitPolicy: { lifecycleStage: COMPLETED },
      request: {
        meta: { updateId: randomUUID(), identity: 'somebody' },
        input: { name: 'decide', args: { payloads: [...payloads] } },
      },
    })
    expect(await run.status()).toMatchObject({ state: 'blocked', attempts: [{ answer: refused }] })
    await expectGoesOn()
  },
)

const long = 'x'.repeat(1_500_000)
const LONG: readonly (readonly [string, object])[] = [
  ['comment', { comment: long }],
  ['step', { step: long }],
  ['name', { by: long }],
  ['key', { [long]: 1 }],
  ['digest', { actionDigest: long }],
]

test.concurrent.for(LONG)('a decision with a %s of 1.5 MB is refused, and the run still answers', async ([, part]) => {
  const { run, signed, expectGoesOn } = await waiting()
  const answers: Answer[] = []
  for (let times = 1; times <= 3; times++) {
    answers.push(await sendRaw(world(), run, 'decide', { ...signed, ...part }))
  }
  expect(answers).toMatchObject([refused, refused, refused])
  const { state, attempts } = await run.status()
  expect({ state, attempts: attempts.length }).toEqual({ state: 'blocked', attempts: 3 })
  expect(JSON.stringify(attempts).length).toBeLessThan(100_000)
  await expectGoesOn()
})

test.concurrent('six hundred refused decisions do not crowd out the decision and the end', async () => {
  const { run, approval, expectGoesOn } = await waiting()
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  for (let round = 1; round <= 6; round++) {
    await Promise.all(Array.from({ length: 100 }, () => handle.signal('decide', 'junk')))
  }
  await expectGoesOn()
  const { timeline } = await run.status()
  const told = timeline.map(({ kind, text }) => `${kind}: ${text}`)
  expect(told).toContain(`decide: ${approval.by} (development: nobody proved it) approves`)
  expect(told).toContain('end: completed')
  expect(told.filter((text) => text.includes('a decision was refused'))).not.toEqual([])
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted' })
})

test.concurrent('a change into half a character is refused, and wedges nothing', async () => {
  const { run, signed, expectGoesOn } = await waiting()
  const { statement: _, ...unsigned } = signed
  const change = { ...unsigned, decision: 'change', comment: '', input: { item: '\ud800' } }
  expect(await sendRaw(world(), run, 'decide', change)).toMatchObject({ accepted: false, code: 'decision_malformed' })
  await world().temporal.workflow.getHandle(run.workflowId).signal('decide', change)
  await expectGoesOn()
})

test.concurrent.for([
  ['a zero-width space', '\u200b'],
  ['a soft hyphen', '\u00ad'],
  ['Hangul fillers', '\u115f\u3164'],
  ['blanks', ' \u00a0 '],
  ['NUL', 'ben\0'],
  ['half a character', 'ben\ud800'],
] as const)('an approval by %s is refused', async ([, by]) => {
  const { run, signed, expectGoesOn } = await waiting()
  const { statement: _, ...unsigned } = signed
  const say = (name: 'decide' | 'undo' | 'resolve', message: object) => sendRaw(world(), run, name, { ...message, by })
  expect(await say('decide', unsigned)).toMatchObject(refused)
  expect(await say('undo', {})).toMatchObject({ accepted: false, code: 'undo_malformed' })
  expect(await say('resolve', { step: 'box.put-1', resolution: 'settled' })).toMatchObject({
    accepted: false,
    code: 'resolve_malformed',
  })
  await expectGoesOn()
})
