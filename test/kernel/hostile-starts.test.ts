import type { temporal } from '@temporalio/proto'
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import type { JsonObject } from '../../src/contract/json.ts'
import { eventsOf, typesOf } from '../support/history.ts'
import { query } from '../support/world.ts'
import { startMessageOf } from '../support/refunds.ts'
import { newItem } from './box-world.ts'
import { useHostile } from './hostile-world.ts'

const { world, boxes, start } = useHostile()
const encoder = new TextEncoder()

/** Failed, typed, at the first attempt, and nothing of it is known to the ledger. */
async function expectFailedAtOnce(run: RunHandle, code: string): Promise<void> {
  expect(await run.result()).toMatchObject({ state: 'failed', because: { code }, effects: [], requestDigest: null })
  const types = typesOf(await eventsOf(world().temporal, run))
  expect(types).not.toContain('EVENT_TYPE_WORKFLOW_TASK_FAILED')
  expect(types).not.toContain('EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT')
  expect(types).not.toContain('EVENT_TYPE_TIMER_STARTED')
  const { rows } = await query(world().databaseUrl, 'SELECT 1 FROM countersign.runs WHERE workflow_id = $1', [
    run.workflowId,
  ])
  expect(rows).toEqual([])
}

const ana = { subject: 'ana' }
const REFUSED: readonly (readonly [string, string, string, (item: string) => JsonObject])[] = [
  ['a request on which the schema throws', 'request_invalid', 'picky', (item) => ({ item, url: 'no url' })],
  ['a request that becomes a BigInt', 'request_invalid', 'bigs', (item) => ({ item, count: '12' })],
  ['a request on which a transform throws', 'request_invalid', 'bigs', (item) => ({ item, count: 'twelve' })],
]

test.concurrent.for(REFUSED)('a start with %s fails at once with %s', { timeout: 15_000 }, async (row) => {
  const [, code, playbook, requestOf] = row
  const item = newItem()
  await expectFailedAtOnce(await start(playbook, requestOf(item), { principal: ana }), code)
  expect(boxes.calls.filter((call) => call.item.startsWith(item))).toEqual([])
})

/** What cannot be signed is not sent by our client; others may send it, with a statement of something else. */
const RAW: readonly (readonly [string, string, (item: string) => unknown])[] = [
  ['half a character in the request', 'request_invalid', (item) => ({ item: `${item}\ud800`, does: 'put' })],
  ['half a character as a key', 'request_invalid', (item) => ({ item, does: 'put', '\ud800': 1 })],
]

/** Starts `ends` by Temporal's own client, with a statement about this request, or about none where it cannot be said. */
async function startRaw(request: (item: string) => unknown, item = newItem()): Promise<RunHandle> {
  const workflowId = `raw-${randomUUID()}`
  const { taskQueue, temporal, client } = world()
  const { statement } = startMessageOf(workflowId, { item }, { subject: 'ana', workspace: 'boxes' }, 'ends')
  await temporal.workflow.start('ends', { workflowId, taskQueue, args: [{ request: request(item), statement }] })
  return client.run(workflowId)
}

test.concurrent.for(RAW)('a start with %s fails at once with %s', { timeout: 15_000 }, async ([, code, requestOf]) => {
  await expectFailedAtOnce(await startRaw(requestOf), code)
})

test.concurrent.for([
  ['NUL in the subject', { subject: 'a\0b' }],
  ['half a character in the subject', { subject: 'a\ud800' }],
  ['an invisible subject', { subject: '\u200b' }],
] as const)('somebody with %s cannot say anything', async ([, principal]) => {
  const item = newItem()
  await expect(start('ends', { item, does: 'put' }, { principal })).rejects.toMatchObject({ type: 'speaker_invalid' })
  expect(boxes.calls.filter((call) => call.item.startsWith(item))).toEqual([])
})

const PAYLOADS: readonly (readonly [string, readonly temporal.api.common.v1.IPayload[]])[] = [
  ['broken JSON', [{ metadata: { encoding: encoder.encode('json/plain') }, data: encoder.encode('{bad') }]],
  ['an unknown encoding', [{ metadata: { encoding: encoder.encode('binary/encrypted') }, data: encoder.encode('x') }]],
  ['no encoding', [{ data: encoder.encode('x') }]],
  ['no argument', []],
]

test.concurrent.for(PAYLOADS)('a start with %s fails at once', { timeout: 15_000 }, async ([, payloads]) => {
  const workflowId = `start-${randomUUID()}`
  const { workflowService } = world().temporal
  await workflowService.startWorkflowExecution({
    namespace: 'default',
    workflowId,
    workflowType: { name: 'ends' },
    taskQueue: { name: world().taskQueue },
    input: { payloads: [...payloads] },
    requestId: workflowId,
  })
  const run = world().client.run(workflowId)
  const result = await run.result()
  await expectFailedAtOnce(run, result.because?.code ?? 'none')
  expect(['request_invalid', 'statement_missing']).toContain(result.because?.code)
})

test('starts that cannot be opened do not keep a good one waiting', { timeout: 20_000 }, async () => {
  const bad = Array.from({ length: 40 }, () => startRaw(() => ({ item: '\ud800', does: 'put' })))
  const item = newItem()
  const good = await start('ends', { item, does: 'put' })
  expect(await good.outcome()).toMatchObject({ state: 'completed' })
  expect(boxes.held(item)).toBe(1)
  const ended = await Promise.all((await Promise.all(bad)).map((run) => run.result()))
  expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['failed']))
})
