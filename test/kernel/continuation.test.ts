import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { PendingApproval, RunHandle } from '../../src/client/index.ts'
import { sql } from 'kysely'
import { withdraw } from '../../src/ledger/people.ts'
import { liftNow, stopNow } from '../../src/worker/stopping.ts'
import { inForce } from '../stop/stop-world.ts'
import { wordOf } from '../support/people.ts'
import { activitiesIn, eventsOf, executionsOf, reset, workflowTasksIn } from '../support/history.ts'
import { useOwnServer } from '../support/own-server.ts'
import { until } from '../support/world.ts'
import { newItem, useBoxes } from './box-world.ts'

/** Temporal suggests to go on in another execution at 4,096 events; here it does so soon. */
const SUGGESTED_AT = 60
const address = useOwnServer([`limit.historyCount.suggestContinueAsNew=${SUGGESTED_AT}`])
const { boxes, start, world } = useBoxes({ address })

const APPROVER = 'ben'

const goesOn = (run: RunHandle, executions: number): Promise<number> =>
  until(`execution ${executions} of ${run.workflowId}`, async () => {
    const found = await executionsOf(world().temporal, run)
    return found >= executions ? found : undefined
  })

const pendingOf = (run: RunHandle): Promise<PendingApproval> =>
  until(`a question of ${run.workflowId}`, async () => (await run.status()).pending[0])

/** Sends what is refused until the run has gone on in another execution. */
async function untilItGoesOn(run: RunHandle, executions: number): Promise<void> {
  while ((await executionsOf(world().temporal, run)) < executions) {
    await run.decide({ step: 'nothing', decision: 'approve', by: 'mallory', actionDigest: `sha256:${'0'.repeat(64)}` })
  }
}

const acts = (item: string, count: number, tool = 'put') =>
  Array.from({ length: count }, (_, at) => ({ tool, item: `${item}/${at}` }))

test.concurrent('a playbook of many steps goes on in other executions, and each step is done once', async () => {
  const item = newItem()
  const run = await start('chain', { acts: acts(item, 60) })
  // Ten callers wait from the beginning, and all of them are answered at the end.
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => run.outcome()))
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ state: 'completed', outcome: { done: 60 }, spend: { toolCalls: 60 } })
    expect(outcome.effects.map(({ step, state }) => `${step} ${state}`)).toEqual(
      acts(item, 60).map((_, at) => `box.put-${at + 1} done`),
    )
  }
  expect(await executionsOf(world().temporal, run)).toBeGreaterThanOrEqual(4)
  for (const { item: one } of acts(item, 60))
    expect([one, boxes.held(one), boxes.asked(one).length]).toEqual([one, 1, 1])
  const { timeline } = await run.status()
  expect(timeline.filter(({ kind }) => kind === 'act')).toHaveLength(60)
  expect(timeline.filter(({ kind }) => kind === 'open')).toHaveLength(1)
})

test.concurrent('what was done in earlier executions is undone, the last first, when a later one fails', async () => {
  const item = newItem()
  const run = await start('chain', { acts: acts(item, 25), finally: 'throw' })
  const result = await run.result()
  expect(result).toMatchObject({ state: 'reverted', because: { code: 'playbook_failed' } })
  expect(result.effects.map(({ state }) => state)).toEqual(Array.from({ length: 25 }, () => 'undone'))
  expect(await executionsOf(world().temporal, run)).toBeGreaterThanOrEqual(2)
  const undone = boxes.calls.filter(({ verb, item: one }) => verb === 'undo' && one.startsWith(`${item}/`))
  expect(undone.map(({ item: one }) => one)).toEqual(
    acts(item, 25)
      .toReversed()
      .map(({ item: one }) => one),
  )
})

test.concurrent('a question keeps its digest and its deadline, and is answered in another execution', async () => {
  const item = `${newItem()}/ask`
  const run = await start('chain', { acts: [{ tool: 'put', item }] })
  const before = await pendingOf(run)
  const answer = run.outcome()
  await untilItGoesOn(run, 3)
  const after = await pendingOf(run)
  expect(after).toEqual(before)
  expect(await world().client.list({ state: 'blocked', limit: 200 })).toSatisfy(
    (runs: readonly { workflowId: string }[]) => runs.filter((one) => one.workflowId === run.workflowId).length === 1,
  )
  const { step, actionDigest } = after
  expect(await run.decide({ step, decision: 'approve', by: 'ana', actionDigest })).toMatchObject({
    accepted: false,
    code: 'decision_by_requester',
  })
  expect(boxes.asked(item)).toEqual([])
  const attempts = (await run.status()).attempts.length
  expect(attempts).toBeGreaterThan(20)
  expect(await run.decide({ step, decision: 'approve', by: APPROVER, actionDigest })).toMatchObject({ accepted: true })
  expect(await answer).toMatchObject({ state: 'completed', effects: [{ state: 'done' }] })
  expect([boxes.held(item), boxes.asked(item).length, boxes.asked(item, 'preview').length]).toEqual([1, 1, 1])
  expect((await run.status()).attempts.length).toBeLessThanOrEqual(200)
})

test.concurrent('a decision that was taken in one execution is taken in the next, too', async () => {
  const item = newItem()
  const run = await start('chain', { acts: [{ tool: 'put', item: `${item}/ask` }, ...acts(item, 25)] })
  const { step, actionDigest } = await pendingOf(run)
  expect(await run.decide({ step, decision: 'approve', by: APPROVER, actionDigest })).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { done: 26 } })
  expect(await executionsOf(world().temporal, run)).toBeGreaterThanOrEqual(2)
  expect(await run.decide({ step, decision: 'reject', by: 'eve', actionDigest })).toMatchObject({
    code: 'decision_already_made',
  })
  const { timeline, attempts } = await run.status()
  expect(timeline.filter(({ kind }) => kind === 'decide')).toHaveLength(1)
  expect(attempts).toMatchObject([
    { kind: 'decide', by: APPROVER, saw: expect.any(Array), answer: { accepted: true } },
    { kind: 'decide', answer: { code: 'decision_already_made' } },
  ])
  expect(boxes.asked(`${item}/ask`)).toHaveLength(1)
})

test.concurrent('an undo window goes on, and an undo in a later execution undoes everything once', async () => {
  const item = newItem()
  const run = await start('chain', { acts: acts(item, 3) })
  const outcome = await run.outcome()
  await untilItGoesOn(run, 2)
  // At once: the new execution may not have taken up yet what it was left.
  expect(await run.undo({ by: 'mallory', comment: 'x'.repeat(3_000) })).toMatchObject({ code: 'undo_malformed' })
  const status = await run.status()
  expect(status).toMatchObject({ state: 'completed', undoUntil: outcome.undoUntil, result: { outcome: { done: 3 } } })
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    effects: [{ state: 'undone' }, { state: 'undone' }, { state: 'undone' }],
  })
  expect((await run.status()).attempts.filter(({ kind }) => kind === 'undo')).toMatchObject([
    { by: null, answer: { code: 'undo_malformed' } },
    { by: 'olga', answer: { accepted: true } },
  ])
  for (const { item: one } of acts(item, 3)) expect([boxes.held(one), boxes.asked(one, 'undo').length]).toEqual([0, 1])
})

test.concurrent('an incident waits on in another execution, and is settled there', async () => {
  const item = newItem()
  boxes.script(item, 'throw after')
  const run = await start('chain', { acts: [{ tool: 'drop', item }] })
  const incident = () => until('the incident', async () => (await run.status()).incidents[0])
  await incident()
  await untilItGoesOn(run, 2)
  expect(await incident()).toMatchObject({ step: 'box.drop-1', code: 'effect_unknown' })
  expect(await run.resolve({ step: 'box.drop-1', resolution: 'settled', by: 'olga' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'settled' }] })
  expect([boxes.asked(item).length, boxes.asked(item, 'undo').length]).toEqual([1, 0])
})

test.concurrent('a run that was continued can be cancelled, and what it did is undone', async () => {
  const item = newItem()
  const run = await start('chain', { acts: [...acts(item, 25), { tool: 'put', item: `${item}/ask` }] })
  await pendingOf(run)
  expect(await executionsOf(world().temporal, run)).toBeGreaterThanOrEqual(2)
  await run.cancel()
  const result = await run.result()
  expect(result).toMatchObject({ state: 'reverted', because: { code: 'cancelled' } })
  for (const { item: one } of acts(item, 25)) expect(boxes.held(one)).toBe(0)
  expect(boxes.asked(`${item}/ask`)).toEqual([])
})

test.concurrent('decisions while a run goes on elsewhere are neither lost nor taken twice', async () => {
  const item = `${newItem()}/ask`
  const run = await start('chain', { acts: [{ tool: 'put', item }] })
  const { step, actionDigest } = await pendingOf(run)
  const noise = untilItGoesOn(run, 4)
  await goesOn(run, 2)
  const answers = await Promise.all(
    Array.from({ length: 5 }, (_, at) => run.decide({ step, decision: 'approve', by: `approver-${at}`, actionDigest })),
  )
  expect(answers.filter(({ accepted }) => accepted)).toHaveLength(1)
  await noise.catch(() => undefined)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect([boxes.held(item), boxes.asked(item).length]).toEqual([1, 1])
})

test.concurrent('a run that is started with a past of somebody’s making does nothing', async () => {
  const item = newItem()
  const workflowId = `forged-${item}`
  const carried = {
    v: 1,
    journal: [{ id: 'answer to box.put-1', came: { to: { decision: 'approve', by: 'nobody' } } }],
    waiting: [],
    decided: [],
    incidents: 0,
    timeline: [],
    attempts: [],
    settled: null,
  }
  const seal = { v: 1, kind: 'seal', runKey: `${workflowId}/x`, digest: 'x', keyId: 'x', signature: 'x' }
  await world().temporal.workflow.start('chain', {
    workflowId,
    taskQueue: world().taskQueue,
    args: [
      { principal: { subject: 'ana', workspace: 'boxes' }, request: { acts: [{ tool: 'put', item: `${item}/ask` }] } },
      { carried, seal },
    ],
  })
  const run = world().client.run(workflowId)
  expect(await run.result()).toMatchObject({ state: 'failed', because: { code: 'request_invalid' }, effects: [] })
  expect([boxes.asked(`${item}/ask`).length, boxes.asked(`${item}/ask`, 'preview').length]).toEqual([0, 0])
})

test.concurrent('a stranger’s payload that looks like one kept beside the history keeps no run from going on', async () => {
  const item = `${newItem()}/ask`
  const run = await start('chain', { acts: [{ tool: 'put', item }] })
  const { step, actionDigest } = await pendingOf(run)
  const encoding = Buffer.from('binary/countersign-bulk')
  const made = JSON.stringify({ digest: `sha256:${'0'.repeat(64)}`, keyId: world().key.keyId, signature: 'x' })
  for (const data of [made, `sha256:${'0'.repeat(64)}`, 'nothing']) {
    await world().temporal.workflowService.signalWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: run.workflowId },
      signalName: 'decide',
      input: { payloads: [{ metadata: { encoding }, data: Buffer.from(data) }] },
      requestId: crypto.randomUUID(),
    })
  }
  expect(await run.decide({ step, decision: 'approve', by: APPROVER, actionDigest })).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect([boxes.held(item), boxes.asked(item).length]).toEqual([1, 1])
})

test.concurrent('what a run has used, and who undoes it, go on in another execution', async () => {
  const item = newItem()
  const run = await start('chain', { acts: acts(item, 3) })
  const { spend } = await run.outcome()
  expect(spend.toolCalls).toBe(3)
  await untilItGoesOn(run, 2)
  boxes.scriptUndo(`${item}/1`, ...Array.from({ length: 12 }, () => 'refuse' as const))
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: true })
  await until('an incident', async () => (await run.status()).incidents[0])
  await untilItGoesOn(run, 3)
  await until('the incident again', async () => (await run.status()).incidents[0])
  expect(await run.resolve({ step: 'box.put-2', resolution: 'settled', by: 'pia' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted', spend, because: { by: 'olga' } })
  const { events } = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
  const undos = activitiesIn(events ?? []).map(
    ({ input }) => (input as { warrant: { why: string; by: string } }).warrant,
  )
  expect(undos.map(({ why, by }) => `${why} by ${by}`)).toEqual(['undo_requested by olga'])
})

test.concurrent('an undo that waits for the word of somebody else takes it right after the run went on', async () => {
  const item = newItem()
  const olga = `olga-${randomUUID()}`
  const run = await start('chain', { acts: acts(item, 2) })
  await run.outcome()
  boxes.scriptUndo(`${item}/1`, 'refuse')
  expect(await run.undo({ by: olga })).toMatchObject({ accepted: true })
  const incidentOf = (isLost: boolean) =>
    until('an incident', async () =>
      (await run.status()).incidents.find(({ code }) => (code === 'standing_lost') === isLost),
    )
  await incidentOf(false)
  await withdraw(world().db, { subject: olga, group: null, reason: 'left', by: 'otto' })
  await run.resolve({ step: 'box.put-2', resolution: 'retry', by: 'pia' })
  await incidentOf(true)
  await untilItGoesOn(run, 2)
  const another = await run.undo({ by: 'pia' })
  expect(another, JSON.stringify(another)).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted', because: { by: 'pia' } })
  expect(acts(item, 2).map(({ item: one }) => boxes.held(one))).toEqual([0, 0])
})

test.concurrent('a run that goes on and cannot be opened waits for a person, and does not close over what it did', async () => {
  const item = newItem()
  const run = await start('chain', { acts: [...acts(item, 2), { tool: 'put', item: `${item}/ask` }] })
  await pendingOf(run)
  const { runKey } = await run.status()
  const runs = 'countersign.runs' as const
  const row = await world().db.selectFrom(runs).selectAll().where('run_key', '=', runKey).executeTakeFirstOrThrow()
  const rename = (to: string) =>
    world().db.updateTable(runs).set({ request_digest: to }).where('run_key', '=', runKey).execute()
  await rename('another')
  await untilItGoesOn(run, 2)
  const incident = await until('an incident', async () => (await run.status()).incidents[0])
  expect(incident).toMatchObject({ step: 'countersign.openRun' })
  expect(acts(item, 2).map(({ item: one }) => boxes.held(one))).toEqual([1, 1])
  await rename(row.request_digest)
  expect(await run.resolve({ step: 'countersign.openRun', resolution: 'retry', by: 'pia' })).toMatchObject({
    accepted: true,
  })
  const { step, actionDigest } = await pendingOf(run)
  expect(await run.decide({ step, decision: 'approve', by: APPROVER, actionDigest })).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { done: 3 } })
  expect(boxes.asked(`${item}/ask`)).toHaveLength(1)
})

test('what a run takes along is in the history by its digest, and is read only as it was', async () => {
  const item = `${newItem()}/ask`
  const run = await start('chain', { acts: [{ tool: 'put', item }] })
  await pendingOf(run)
  await untilItGoesOn(run, 2)
  const { events } = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
  const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[1]
  const { digest } = JSON.parse(Buffer.from(input?.data ?? []).toString()) as { readonly digest: string }
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)

  // Somebody alters the blob, and the run is taken up by a worker that has not seen it.
  const { rows } = await sql<{
    content: Buffer
  }>`SELECT content FROM countersign.blobs WHERE digest = ${digest}`.execute(world().db)
  const content = rows[0]?.content ?? Buffer.alloc(0)
  const altered = Buffer.from(content.toString('latin1').replace('"incidents":0', '"incidents":7'), 'latin1')
  expect(altered.equals(content)).toBe(false)
  const put = (bytes: Buffer) =>
    sql`UPDATE countersign.blobs SET content = ${bytes} WHERE digest = ${digest}`.execute(world().db)
  await put(altered)
  await world().worker.stop()
  await world().startWorker()
  // Something to do for the new worker.
  await world().temporal.workflow.getHandle(run.workflowId).signal('decide', null)
  await until('a refused workflow task', async () => {
    const history = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
    const failed = history.events?.find((event) => event.workflowTaskFailedEventAttributes)
    return failed?.workflowTaskFailedEventAttributes?.failure?.message ?? undefined
  }).then((message) => expect(message).toContain('is not what it was'))
  expect(boxes.asked(item)).toEqual([])
  await put(content)
  const { step, actionDigest } = await pendingOf(run)
  expect(await run.decide({ step, decision: 'approve', by: APPROVER, actionDigest })).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect([boxes.held(item), boxes.asked(item).length]).toEqual([1, 1])
})

test.concurrent.for([
  ['what came first in one execution comes first in the next', false],
  ['so it does where the run was stopped before it was opened', true],
] as const)('%s', async ([, isStopped]) => {
  const item = newItem()
  const of = { scope: 'run', name: `contends-${item}` } as const
  if (isStopped) await inForce((await stopNow(world().db, of, wordOf('stop', of, 'otto', 'wait'))).stop)
  const run = await start('contends', { item }, of.name)
  if (isStopped) {
    const { step } = await until('an incident', async () => (await run.status()).incidents[0])
    await liftNow(world().db, of, wordOf('resume', of, 'otto', 'go on'))
    await run.resolve({ step, resolution: 'retry', by: 'otto' })
  }
  const questionOf = (name: string): Promise<PendingApproval> =>
    until(`the question ${name}`, async () => (await run.status()).pending.find(({ step }) => step === name))
  const approve = async (name: string): Promise<void> => {
    const { step, actionDigest } = await questionOf(name)
    const answer = await run.decide({ step, decision: 'approve', by: APPROVER, actionDigest })
    expect(answer).toMatchObject({ accepted: true })
  }
  await questionOf('box.put-first')
  await approve('box.put-second')
  await until('the second', async () => (boxes.held(`${item}/second/ask`) === 1 ? true : undefined))
  await approve('box.put-first')
  await questionOf('box.put-after-second')
  await untilItGoesOn(run, 2)
  await approve('box.put-after-second')
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { won: 'second' } })
  const asked = ['first', 'second', 'second/last', 'first/last'].map((one) => boxes.asked(`${item}/${one}/ask`).length)
  expect(asked).toEqual([1, 1, 1, 0])
})

const HALF = '\\ud800'

test.concurrent.for([
  ['a number that JSON cannot say', 'decide', '{"step": 1e999}'],
  ['half a character in a decision', 'decide', `{"step": "${HALF}"}`],
  ['half a character in an undo', 'undo', `{"${HALF}": "${HALF}"}`],
  ['half a character in a resolution', 'resolve', `["${HALF}"]`],
  ['a long text that is cut within a character', 'decide', JSON.stringify({ step: `x${'😀'.repeat(2_000)}` })],
] as const)('%s keeps no run from going on in another execution', async ([, signalName, json]) => {
  const item = `${newItem()}/ask`
  const run = await start('chain', { acts: [{ tool: 'put', item }] })
  await pendingOf(run)
  const payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(json) }
  await world().temporal.workflowService.signalWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run.workflowId },
    signalName,
    input: { payloads: [payload] },
  })
  await untilItGoesOn(run, 2)
  const { step, actionDigest } = await pendingOf(run)
  expect(await run.decide({ step, decision: 'approve', by: APPROVER, actionDigest })).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
})

test.concurrent.for(['continued', 'reset'] as const)(
  'what the world moved under is shown to people again, in a run that was %s, too',
  async (how) => {
    const item = `${newItem()}/ask`
    const run = await start('chain', { acts: [{ tool: 'put', item }] })
    await pendingOf(run)
    if (how === 'continued') await untilItGoesOn(run, 2)
    else await reset(world().temporal, run, workflowTasksIn(await eventsOf(world().temporal, run))[0] ?? 0)
    const again = world().client.run(run.workflowId)
    boxes.script(item, 'move')
    const first = await pendingOf(again)
    const approve = ({ step, actionDigest }: PendingApproval) =>
      again.decide({ step, decision: 'approve', by: APPROVER, actionDigest })
    expect(await approve(first)).toMatchObject({ accepted: true })
    const second = await until('the question once more', async () =>
      (await again.status()).pending.find(({ askedAt }) => askedAt !== first.askedAt),
    )
    expect(boxes.held(item)).toBe(0)
    expect(await approve(second)).toMatchObject({ accepted: true })
    expect(await again.outcome()).toMatchObject({ state: 'completed' })
    expect(boxes.held(item)).toBe(1)
  },
)

test.concurrent.for([4, 5, 6, 7, 8, 9, 10, 11, 12])(
  'a cancel after %i messages, about when the run goes on in another execution, ends it',
  async (messages) => {
    const item = newItem()
    const run = await start('chain', { acts: [...acts(item, 1), { tool: 'put', item: `${item}/ask` }] })
    const { actionDigest } = await pendingOf(run)
    const decide = () => run.decide({ step: 'nothing', decision: 'approve', by: 'mallory', actionDigest })
    for (let sent = 0; sent < messages; sent++) await decide()
    await Promise.allSettled([decide(), decide(), run.cancel(), decide()])
    const result = await run.result()
    expect(result).toMatchObject({ state: 'reverted', because: { code: 'cancelled' }, effects: [{ state: 'undone' }] })
    expect([boxes.held(`${item}/0`), boxes.held(`${item}/ask`)]).toEqual([0, 0])
  },
)

test.concurrent('a run that is cancelled right after a reset to its beginning undoes what it did', async () => {
  const item = newItem()
  const run = await start('chain', { acts: [...acts(item, 2), { tool: 'put', item: `${item}/ask` }] })
  await pendingOf(run)
  const [first = 0] = workflowTasksIn(await eventsOf(world().temporal, run))
  await reset(world().temporal, run, first)
  await run.cancel()
  expect(await run.result()).toMatchObject({ state: 'reverted', because: { code: 'cancelled' } })
  expect(acts(item, 2).map(({ item: one }) => boxes.held(one))).toEqual([0, 0])
})

test.concurrent('a playbook that goes by the time, and asks for less than before, goes on all the same', async () => {
  const item = newItem()
  const untilMs = Date.now() + 5_000
  const run = await start('hurries', { item, untilMs })
  const { step, actionDigest } = await pendingOf(run)
  await until('the time to be over', async () => (Date.now() > untilMs ? true : undefined))
  await untilItGoesOn(run, 2)
  expect(await run.decide({ step, decision: 'approve', by: APPROVER, actionDigest })).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed', spend: { toolCalls: 2 } })
  expect([boxes.asked(item).length, boxes.asked(`${item}/ask`).length]).toEqual([1, 1])
})
