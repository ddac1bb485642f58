import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recordSchemaText } from '../../../scripts/record-schema.ts'
import { NO_KEYS } from '../../../src/audit/record/keys.ts'
import { recordOf } from '../../../src/audit/record/record-of.ts'
import { explain } from '../../../src/audit/render/explain.ts'
import { recordHtml } from '../../../src/audit/render/html.ts'
import { recordMarkdown } from '../../../src/audit/render/markdown.ts'
import { recordText } from '../../../src/audit/render/text.ts'
import { linesOf, of, soundOf } from './records.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const HISTORIES = join(root, 'test', 'replay', 'histories')
const files = readdirSync(HISTORIES).flatMap((version) =>
  readdirSync(join(HISTORIES, version))
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(version, name)),
)
const historyIn = (file: string) => historyFromJSON(JSON.parse(readFileSync(file, 'utf8')))
const ofEnd = (end: string) => historyIn(join(HISTORIES, '0.1.0', `${end}.json`))
const GOLDEN = join(import.meta.dirname, 'golden')

test('the committed schema is what `node scripts/record-schema.ts` writes', () => {
  expect(readFileSync(join(root, 'docs', 'audit-record.schema.json'), 'utf8')).toBe(recordSchemaText())
})

test.each(files)('a record is derived from %s alone, and from its bytes again', async (file) => {
  const stored = historyIn(join(HISTORIES, file))
  const record = await soundOf(stored)
  expect(record.executions).toHaveLength(1)
  expect(record.executions[0]?.events).toBe(stored.events?.length)
  expect(of(record, 'request')).toHaveLength(1)
  // Nobody published a key: hosts and people are believed by nobody, and it says so.
  expect(record.entries.filter(({ proof }) => proof === 'signed')).toEqual([])
})

test.each(files)('every event that somebody outside made, and every effect, is in an entry of %s', async (file) => {
  const { events = [] } = historyIn(join(HISTORIES, file))
  const record = await soundOf({ events })
  const cited = new Set(record.entries.flatMap(({ events: told }) => told.map(({ eventId }) => eventId)))
  // What waits for the outcome changes nothing; after a reset its name stands in the event that had it admitted again.
  const admitted = (events ?? []).flatMap(
    ({ workflowExecutionUpdateAdmittedEventAttributes: one }) => one?.request ?? [],
  )
  const waits = new Set(admitted.flatMap(({ input, meta }) => (input?.name === 'outcome' ? [meta?.updateId] : [])))
  const mattering = (events ?? []).filter((event) => {
    const update = event.workflowExecutionUpdateAcceptedEventAttributes
    return Boolean(
      (update && update.acceptedRequest?.input?.name !== 'outcome' && !waits.has(update.protocolInstanceId)) ||
      event.activityTaskScheduledEventAttributes ||
      event.activityTaskCompletedEventAttributes ||
      event.activityTaskFailedEventAttributes ||
      event.workflowExecutionSignaledEventAttributes ||
      event.workflowExecutionCancelRequestedEventAttributes ||
      event.workflowExecutionCompletedEventAttributes ||
      event.workflowExecutionFailedEventAttributes,
    )
  })
  const untold = mattering.map(({ eventId }) => Number(eventId)).filter((eventId) => !cited.has(eventId))
  expect(untold).toEqual([])
})

test('a run that was approved: who was refused, who approved exactly what, and what was done, in order', async () => {
  const record = await soundOf(ofEnd('refund_request.approved'))
  expect(linesOf(record).filter((line) => line.includes('billing.refund-1'))).toEqual([
    'diff claimed billing.refund-1',
    'question server billing.refund-1',
    'attempt claimed billing.refund-1',
    'approval claimed billing.refund-1',
    'decision server billing.refund-1',
    'tool_call claimed billing.refund-1',
  ])
  const [attempt] = of(record, 'attempt')
  expect([attempt?.by, attempt?.says['answer']]).toMatchObject([
    'ana@acme.example',
    { accepted: false, code: 'decision_by_requester' },
  ])
  const [approval] = of(record, 'approval')
  const [decision] = of(record, 'decision', 'billing.refund-1')
  expect(approval?.says['said']).toMatchObject({ actionDigest: decision?.says['actionDigest'] })
  expect(record.state).toBe('running')
})

test('each end is told with its reason', async () => {
  const ends = {
    'refund_request.denied': ['refused', /reason contains `fraud`.*deny_if\.reason_contains/],
    'refund_request.rejected': ['refused', /./],
    'refund_request.cancelled': ['reverted', /cancelled/],
    'refund_request.undone': ['reverted', /undone by .*billing\.refund-1 undone/],
    'refund_request.over-budget': ['escalated', /5 tool calls/],
    'refund_request.incident': ['reverted', /billing\.refund-1 settled/],
    'refund_request.bad-request': ['failed', /orderId/],
    'support_request.denied': ['refused', /./],
  } as const
  for (const [end, [state, reason]] of Object.entries(ends)) {
    const record = await soundOf(ofEnd(end))
    expect([end, record.state]).toEqual([end, state])
    expect(record.entries.findLast(({ kind }) => kind === 'state')?.text).toMatch(reason)
  }
})

test('a history that was reset says which execution is missing', async () => {
  const record = await soundOf(ofEnd('refund_request.reset'))
  expect(of(record, 'difference')).toMatchObject([{ says: { code: 'execution_missing' }, proof: 'server' }])
  expect(of(record, 'execution').map(({ says }) => 'reset' in says)).toEqual([false, true])
  expect(of(record, 'tool_call').map(({ says }) => says['state'])).toContain('recalled')
})

test('the three answers cite the events that they rest on', async () => {
  const record = await soundOf(ofEnd('refund_request.approved'))
  const answers = explain(record, 'billing.refund-1')
  expect(answers?.evidence).toMatch(
    /^It rests on record order\/ord_1002 .*\[6\]; .*\[7\]; and a model’s reading, .*\[8\], as it is cited there \[25\]\.$/,
  )
  expect(answers?.rule).toMatch(
    /^The policy sha256:[0-9a-f]{64} \[5\] wanted an approval of it, since refund_amount_usd is \$120\.00 .*\[25\]; ben@acme\.example approved exactly this at .*\[21, 22, 23\]; one attempt to decide was refused \[15, 16, 17\]\.$/,
  )
  expect(answers?.undo).toMatch(
    /^To undo it is to void the refund, .* can have that done until 2026-11-27 00:03:25 UTC \[25, 42\]\.$/,
  )
  expect(explain(record, 'billing.refund-9')).toBeUndefined()
})

test.each([
  ['refund_request.denied', 'billing.refund-1', /denied it, since reason contains `fraud`/, /^Nothing of it was done/],
  ['refund_request.undone', 'billing.refund-1', /allowed it/, /^It was undone by olga@acme\.example at /],
  ['refund_request.incident', 'billing.refund-1', /allowed it/, /stated that it was put right by hand \[63, 64, 65\]/],
  ['refund_request.compensated', 'billing.refund-1', /allowed it/, /^It was undone at /],
  ['refund_request.completed', 'billing.getOrder-1', /^No rule decides on it/, /^There is nothing to undo/],
])('%s: %s is explained', async (end, step, rule, undo) => {
  const record = await soundOf(ofEnd(end))
  const answers = explain(record, step)
  expect(answers?.rule).toMatch(rule)
  expect(answers?.undo).toMatch(undo)
})

test('one record to the letter, and as people read it', async () => {
  const stored = historyIn(join(GOLDEN, 'approved.history.json'))
  const record = await recordOf({ namespace: 'default', histories: [{ stored }], keys: NO_KEYS })
  await expect(`${JSON.stringify(record, null, 2)}\n`).toMatchFileSnapshot(join(GOLDEN, 'approved.record.json'))
  await expect(recordText(record)).toMatchFileSnapshot(join(GOLDEN, 'approved.txt'))
  await expect(recordMarkdown(record)).toMatchFileSnapshot(join(GOLDEN, 'approved.md'))
  await expect(recordHtml(record)).toMatchFileSnapshot(join(GOLDEN, 'approved.html'))
})

test('no history, and histories of two runs, are no record', async () => {
  const input = { namespace: 'default', keys: NO_KEYS }
  await expect(recordOf({ ...input, histories: [] })).rejects.toThrow(TypeError)
  const two = ['refund_request.approved', 'refund_request.denied'].map((end) => ({ stored: ofEnd(end) }))
  await expect(recordOf({ ...input, histories: two })).rejects.toThrow(/the histories are of/)
})
