import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventsOf, typesOf } from '../support/history.ts'
import { approvalOf, pendingOf, startRefund } from '../support/refunds.ts'
import { startWorld, until, useWorld, type World } from '../support/world.ts'
import { httpSink } from './sinks.ts'

const quiet = useWorld()
let sink: Awaited<ReturnType<typeof httpSink>> | undefined
let world: World | undefined
beforeAll(async () => {
  sink = await httpSink()
  const channel = { name: 'hook', kind: 'webhook', url: sink.url, secret: 's', groups: null, playbooks: null } as const
  world = await startWorld({ notify: { link: 'https://ui.example/{workflow_id}', channels: [channel] } })
})
afterAll(async () => {
  await world?.stop()
  await sink?.[Symbol.asyncDispose]()
})

test('a run that asks has people told once, and what they are told is what waits', async () => {
  if (world === undefined || sink === undefined) throw new Error('nothing was started')
  const { came } = sink
  const { run } = await startRefund(world, { amountCents: 12_000 })
  const pending = await pendingOf(run)
  const told = await until('the message', async () => came.find(({ body }) => body.includes(run.workflowId)))
  expect(JSON.parse(told.body)).toMatchObject({
    type: 'approval.asked',
    link: `https://ui.example/${run.workflowId}`,
    notice: {
      step: pending.step,
      actionDigest: pending.actionDigest,
      requester: 'ana@acme.example',
      workspace: 'acme',
      commands: ['approve', 'reject'].map(
        (verb) => `countersign ${verb} ${run.workflowId} ${pending.step} --digest ${pending.actionDigest} --by <you>`,
      ),
    },
  })
  // Nothing in it lets anybody approve: it is refused like any other word without a statement.
  expect(told.body).not.toMatch(/"signature"|"nonce"/)
  expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(came.filter(({ body }) => body.includes(run.workflowId))).toHaveLength(1)
})

test('where nobody is told, a run has no event more for it', async () => {
  if (world === undefined) throw new Error('nothing was started')
  const events = async (of: World) => {
    const { run } = await startRefund(of, { amountCents: 12_000 })
    await run.decide(approvalOf(await pendingOf(run)))
    await run.outcome()
    return typesOf(await eventsOf(of.temporal, run)).filter((type) => type.endsWith('MARKER_RECORDED')).length
  }
  expect((await events(world)) - (await events(quiet()))).toBe(1)
})
