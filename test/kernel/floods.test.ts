import { expect, test, vi } from 'vitest'
import type { DecideMessage, RunHandle } from '../../src/client/index.ts'
import { failureOf } from '../../src/contract/failures.ts'
import { approvalOf, pendingOf, signedApprovalOf } from '../support/refunds.ts'
import { until } from '../support/world.ts'
import { newItem } from './box-world.ts'
import { useHostile } from './hostile-world.ts'

const { world, boxes, start } = useHostile()
const MB = 1_000_000
// A flood takes ten seconds where nothing else runs, and several times that beside other tests.
vi.setConfig({ testTimeout: 240_000 })

/** A run that waits for a decision on its second write, which puts `asked`. */
async function waiting() {
  const item = newItem()
  const run = await start('ends', { item, does: 'ask' })
  const pending = await pendingOf(run)
  const approval = approvalOf(pending, 'ben')
  return { run, pending, approval, asked: `${item}/ask`, handle: world().temporal.workflow.getHandle(run.workflowId) }
}

/** Sends so many messages, `lanes` of them at a time; `sent` tells how many so far. */
function flood(total: number, lanes: number, send: (at: number) => Promise<unknown>) {
  const sent = { count: 0 }
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < total) {
      await send(next++)
      sent.count++
    }
  }
  return { sent, over: Promise.all(Array.from({ length: lanes }, lane)) }
}

/** What operators look at is no larger than anybody can read, and still says who decided and how it ended. */
async function expectReadable(run: RunHandle): Promise<void> {
  const status = await run.status()
  expect(status.attempts.filter(({ answer }) => !answer.accepted).length).toBeLessThanOrEqual(200)
  expect(status.attempts.filter(({ answer }) => answer.accepted)).toHaveLength(1)
  const told = status.timeline.map(({ kind, text }) => `${kind}: ${text}`)
  expect(told.length).toBeLessThan(150)
  expect(told).toContain('decide: ben (development: nobody proved it) approves')
  expect(told).toContain('note: more notes are not listed here: they stand in the history')
  expect(told).toContain('end: completed')
  expect(JSON.stringify(status).length).toBeLessThan(200_000)
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  const page = await handle.query<{ readonly currentDetails: string }>('__temporal_workflow_metadata')
  expect(page.currentDetails).toMatch(/^## completed\n/)
  expect(page.currentDetails.length).toBeLessThan(20_000)
}

test('a decision that is sent in the middle of four thousand junk signals is taken, and the run ends as it should', async () => {
  const { run, pending, approval, asked, handle } = await waiting()
  const mine = signedApprovalOf(pending, 'ana', 'boxes')
  const junk = ['junk', { ...mine, actionDigest: `sha256:${'0'.repeat(64)}` }, mine, null]
  const before = process.memoryUsage().rss
  const names = ['decide', 'undo', 'resolve'] as const
  const { sent, over } = flood(4_000, 50, (at) => handle.signal(names[at % 3] ?? 'decide', junk[at % 4]))
  await until('half of the flood', async () => (sent.count >= 2_000 ? true : undefined), 120_000)
  expect(boxes.held(asked)).toBe(0)
  const decided = await run.decide(approval)
  expect(decided, JSON.stringify(decided)).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await over
  expect(await run.decide(approval)).toMatchObject({ accepted: false, code: 'decision_already_made' })
  expect(boxes.held(asked)).toBe(1)
  await expectReadable(run)
  expect(process.memoryUsage().rss - before).toBeLessThan(1_000 * MB)
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted' })
})

test('fifteen hundred refused decisions are each answered, the last as fast as the first, and the right one is taken', async () => {
  const { run, approval, asked } = await waiting()
  const wrong: readonly DecideMessage[] = [
    { ...approval, step: 'nothing-1' },
    { ...approval, by: 'ana' },
    { ...approval, actionDigest: `sha256:${'0'.repeat(64)}` },
  ]
  const codes = new Map<string, number>()
  const count = (code: string) => codes.set(code, (codes.get(code) ?? 0) + 1)
  const cpuMs: number[] = []
  const before = process.memoryUsage().rss
  for (let round = 0; round < 3; round++) {
    const began = process.cpuUsage()
    await flood(500, 9, async (at) => {
      const answer = await run.decide(wrong[at % 3] ?? approval)
      count(answer.accepted ? 'accepted' : answer.code)
    }).over
    const { user, system } = process.cpuUsage(began)
    cpuMs.push((user + system) / 1000)
  }
  expect(Object.fromEntries(codes)).toEqual({
    decision_unknown_step: 501,
    decision_by_requester: 501,
    decision_wrong_digest: 498,
  })
  // What is remembered of earlier ones must not be gone through for each.
  expect(cpuMs[2]).toBeLessThan(4 * (cpuMs[0] ?? 0))
  expect(process.memoryUsage().rss - before).toBeLessThan(500 * MB)
  expect(boxes.held(asked)).toBe(0)
  expect(await run.decide(approval)).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(asked)).toBe(1)
  await expectReadable(run)
})

test('a run that has taken more than two thousand updates, all that Temporal allows an execution, is still decided', async () => {
  const { run, approval, asked } = await waiting()
  await flood(2_200, 9, () => run.decide({ ...approval, step: 'nothing-1' })).over
  expect(boxes.held(asked)).toBe(0)
  expect(await run.status()).toMatchObject({ state: 'blocked' })
  expect(await run.decide(approval)).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(asked)).toBe(1)
})

test.for([10, 50])(
  '%i callers who wait under update ids of their own keep nobody from deciding, or from waiting as all do',
  async (callers) => {
    const { run, approval, asked, handle } = await waiting()
    const told: string[] = []
    const strangers = Array.from({ length: callers }, async (_, at) => {
      const outcome = handle.executeUpdate<{ readonly state: string }, []>('outcome', { updateId: `mine-${at}` })
      told.push(
        await outcome.then(
          ({ state }) => state,
          (error: unknown) => failureOf(error)?.code ?? String(error),
        ),
      )
    })
    await until('those who are sent away', async () => (told.length >= 6 ? true : undefined))
    expect(new Set(told)).toEqual(new Set(['outcome_crowded']))
    const shared = run.outcome()
    expect(await run.decide({ ...approval, by: 'ana' })).toMatchObject({ code: 'decision_by_requester' })
    expect(boxes.held(asked)).toBe(0)
    expect(await run.decide(approval)).toMatchObject({ accepted: true })
    expect(await shared).toMatchObject({ state: 'completed' })
    await Promise.all(strangers)
    // Those who come after the end are answered too.
    expect(new Set(told)).toEqual(new Set(['outcome_crowded', 'completed']))
    expect(told.filter((state) => state === 'completed').length).toBeGreaterThanOrEqual(4)
    expect(boxes.held(asked)).toBe(1)
  },
)
