import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import type { temporal } from '@temporalio/proto'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportedHistories } from '../../../src/audit/histories.ts'
import { NO_KEYS } from '../../../src/audit/record/keys.ts'
import { type Gathered, sealHistories, sealOf } from '../../../src/audit/seal/seal-run.ts'
import type { SealedRun } from '../../../src/audit/seal/bundle.ts'
import type { Signer } from '../../../src/audit/seal/signer.ts'
import type { RunHandle } from '../../../src/client/index.ts'
import { type RunKey, runKeyOf } from '../../../src/contract/evidence.ts'
import { approvalOf, pendingOf, REQUESTER, startMessageOf, startRefund } from '../../support/refunds.ts'
import { until, type World } from '../../support/world.ts'
import { newOrder } from '../../support/orders.ts'
import { executionsOf, reset, workflowTasksIn } from '../../support/history.ts'

type History = temporal.api.history.v1.IHistory

const HISTORIES = join(import.meta.dirname, '..', '..', 'replay', 'histories')

/** Every committed history. Nobody published the keys of then. */
export const committedHistories = (): readonly History[] =>
  readdirSync(HISTORIES).flatMap((version) =>
    readdirSync(join(HISTORIES, version)).map((name) =>
      historyFromJSON(JSON.parse(readFileSync(join(HISTORIES, version, name), 'utf8'))),
    ),
  )

/** A history as it was when it had that many events: how a run looked while it was open. */
const asOf = ({ events }: History, count: number): History => ({ events: (events ?? []).slice(0, count) })

/** The histories of a run as they were when one of its workflow tasks was waited for or had ended, the whole of it last. */
export function statesOf(histories: readonly History[]): readonly (readonly History[])[] {
  const newest = histories.at(-1) ?? {}
  const before = histories.slice(0, -1)
  const waits = (newest.events ?? []).filter((event) => event.workflowTaskScheduledEventAttributes)
  const counts = new Set([
    ...waits.map(({ eventId }) => Number(eventId)),
    ...workflowTasksIn(newest.events ?? []),
    newest.events?.length ?? 0,
  ])
  return [...counts].map((count) => [...before, asOf(newest, count)])
}

const gathered = (stored: readonly History[]): Gathered => ({
  namespace: 'default',
  stored,
  erased: [],
  blobs: {},
  keys: NO_KEYS,
  policyOf: async () => undefined,
})

export const sealCommitted = (stored: readonly History[], signer: Signer): Promise<SealedRun> =>
  sealOf(gathered(stored), signer, null, new Date('2026-11-27T11:00:00Z'))

export async function runKeyIn(world: World, { workflowId }: Pick<RunHandle, 'workflowId'>): Promise<RunKey> {
  const [first] = (await world.temporal.workflow.getHandle(workflowId).fetchHistory()).events ?? []
  return runKeyOf(workflowId, first?.workflowExecutionStartedEventAttributes?.firstExecutionRunId ?? '')
}

/** The histories of a run as Temporal stores them. */
export async function storedOf(world: World, runKey: RunKey): Promise<readonly History[]> {
  const codec = { encode: async (payloads: never) => payloads, decode: async (payloads: never) => payloads }
  const found = await exportedHistories({ client: world.temporal, codec }, runKey)
  return found
    .map(({ stored }) => stored)
    .toSorted((a, b) => Number(a.events?.[0]?.eventTime?.seconds ?? 0) - Number(b.events?.[0]?.eventTime?.seconds ?? 0))
}

export const sealLive = (
  world: World,
  runKey: RunKey,
  stored: readonly History[],
  signer: Signer,
): Promise<SealedRun> => sealHistories({ db: world.db, namespace: 'default', signer }, runKey, stored)

/** Runs of every end, and open ones. Needs a server that soon suggests to go on in another execution. */
export async function liveRuns(world: World): Promise<readonly RunKey[]> {
  const completed = await startRefund(world)
  const approved = await startRefund(world, { amountCents: 12_000 })
  const rejected = await startRefund(world, { amountCents: 12_000 })
  const cancelled = await startRefund(world, { amountCents: 12_000 })
  const waiting = await startRefund(world, { amountCents: 12_000 })
  const denied = await startRefund(world, { message: 'This is fraud. Give me $20.00.' })
  const terminated = await startRefund(world)
  const again = await startRefund(world, { amountCents: 12_000 })
  const open = await startRefund(world, { amountCents: 12_000 })
  const undone = await startRefund(world)
  const both = await startRefund(world, { amountCents: 30_000 })
  const onAndOn = await startRefund(world, { amountCents: 12_000 })
  const timedOut = await timedOutRefund(world)
  const failed = await world.client.start('refund_request', { orderId: 7 }, { principal: REQUESTER })
  await completed.run.outcome()
  await open.run.decide(approvalOf(await pendingOf(open.run)))
  await open.run.outcome()
  await undone.run.outcome()
  await undone.run.undo({ by: 'olga@acme.example' })
  await undone.run.result()
  await both.run.decide({ ...approvalOf(await pendingOf(both.run)), by: 'ana@acme.example' })
  await both.run.decide({ ...approvalOf(await pendingOf(both.run)), step: 'nothing' })
  await both.run.cancel()
  await both.run.result()
  await approved.run.decide({ ...approvalOf(await pendingOf(approved.run)), by: 'ana@acme.example' })
  await approved.run.decide(approvalOf(await pendingOf(approved.run)))
  await approved.run.outcome()
  await approved.run.undo({ by: 'olga@acme.example' })
  await approved.run.result()
  await rejected.run.decide({ ...approvalOf(await pendingOf(rejected.run)), decision: 'reject', comment: 'no photo' })
  await rejected.run.result()
  await pendingOf(cancelled.run)
  await cancelled.run.cancel()
  await cancelled.run.result()
  await pendingOf(waiting.run)
  await denied.run.result()
  await terminated.run.outcome()
  await world.temporal.workflow.getHandle(terminated.run.workflowId).terminate('the pod was drained')
  await again.run.decide(approvalOf(await pendingOf(again.run)))
  await again.run.outcome()
  const handle = world.temporal.workflow.getHandle(again.run.workflowId)
  const { runId } = await handle.describe()
  await reset(world.temporal, again.run, workflowTasksIn((await handle.fetchHistory()).events ?? []).at(-2) ?? 0, runId)
  await until('the run after the reset', async () => ((await handle.describe()).runId === runId ? undefined : true))
  await until('its outcome', async () => (await again.run.status()).result ?? undefined)
  const question = await pendingOf(onAndOn.run)
  // Where the server suggests it soon, what is refused makes the run go on in another execution.
  while ((await executionsOf(world.temporal, onAndOn.run)) < 2)
    await onAndOn.run.decide({ ...approvalOf(question), step: 'nothing' })
  await onAndOn.run.decide(approvalOf(await pendingOf(onAndOn.run)))
  await onAndOn.run.outcome()
  await failed.result().catch(() => undefined)
  await until('the run to be out of its time', async () => {
    const { status } = await world.temporal.workflow.getHandle(timedOut.workflowId).describe()
    return status.name === 'TIMED_OUT' ? true : undefined
  })
  const started = [completed, approved, rejected, cancelled, waiting, denied, terminated, again, open, undone, both]
  const runs = [...started, onAndOn].map(({ run }) => run)
  return await Promise.all([...runs, timedOut, failed].map((run) => runKeyIn(world, run)))
}

/** A run that has moved money, and then has no time left to undo it. */
async function timedOutRefund(world: World): Promise<{ readonly workflowId: string }> {
  const { orderId, ticketId } = await newOrder(world.databaseUrl, {})
  const workflowId = `refund-${randomUUID()}`
  const request = { orderId, ticketId, message: 'It arrived broken, please refund $20.00.' }
  const args = [startMessageOf(workflowId, request)]
  const { taskQueue } = world
  await world.temporal.workflow.start('refund_request', {
    workflowId,
    taskQueue,
    args,
    workflowRunTimeout: '6 seconds',
  })
  return { workflowId }
}
