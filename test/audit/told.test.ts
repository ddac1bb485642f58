import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reconcile } from '../../src/audit/reconcile.ts'
import { type Told, toldBy } from '../../src/audit/told.ts'
import { digestOf } from '../../src/contract/digest.ts'
import { KERNEL_VERSION } from '../../src/contract/wire.ts'
import type { AuditedRun } from '../../src/ledger/audited.ts'

const folder = join(import.meta.dirname, '..', 'replay', 'histories', KERNEL_VERSION)

interface Exported {
  readonly events: Record<string, Record<string, unknown> | string>[]
}
const exported = (name: string): Exported => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Exported
const told = (history: Exported): Told => toldBy(historyFromJSON(history))
const NOTHING: AuditedRun = { run: undefined, effects: [] }
const found = async (histories: readonly Told[], ledger = NOTHING) => {
  const [first] = histories
  if (first === undefined) throw new Error('there is no history')
  const { findings, effects } = await reconcile(first.runKey, histories, ledger, async () => undefined)
  return { findings: findings.map(({ code, step }) => (step === null ? code : `${code} ${step}`)), effects }
}
const linesOf = ({ steps }: Told) =>
  steps
    .filter(({ kind }) => kind !== 'reading')
    .map(({ kind, step, answer }) => `${kind} ${step}${answer === undefined ? ': nothing' : ''}`)

test.each(readdirSync(folder).filter((name) => name.endsWith('.json')))('%s is read, whatever its end', (name) => {
  const history = exported(name.replace('.json', ''))
  const { closing, closedBy, runKey, opened, steps } = told(history)
  const last = JSON.stringify(history.events.at(-1)?.['eventType'] ?? null).slice(1, -1)
  const ends: Readonly<Record<string, readonly unknown[]>> = {
    EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: ['ended by itself', 'WorkflowExecutionCompleted'],
    EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: ['ended by itself', 'WorkflowExecutionFailed'],
  }
  expect([closing, closedBy]).toEqual(ends[last] ?? [null, null])
  // One that was refused when it was opened read nothing.
  expect('runKey' in opened ? opened['runKey'] : runKey).toBe(runKey)
  expect(steps.length > 0).toBe('runKey' in opened)
})

test('writes, undos and what the ledger told are what a history says of effects', () => {
  expect(linesOf(told(exported('refund_request.undone')))).toEqual([
    'write billing.refund-1',
    'write helpdesk.reply-1',
    'undo helpdesk.reply-1',
    'undo billing.refund-1',
  ])
  const reset = told(exported('refund_request.reset'))
  expect(linesOf(reset)).toContain('ledger billing.refund-1')
  expect(reset.comesFrom).toHaveLength(1)
  expect(reset.runKey).toContain(reset.comesFrom[0])
  expect(reset.runKey).not.toContain(reset.runId)
})

/** The history of a completed run, with what its refund was completed with. */
function answered(change: (result: { payloads: { metadata: { encoding: string }; data: string }[] }) => void): Told {
  const history = exported('refund_request.completed')
  const attributes = history.events.map((event) => event['activityTaskCompletedEventAttributes'])
  const [completed] = attributes.filter((one) => typeof one === 'object')
  change((completed as { result: never }).result)
  return told(history)
}
const base64 = (text: string) => Buffer.from(text).toString('base64')

test.each([
  ['bytes that are no JSON', base64('{"output"')],
  ['a number', base64('7')],
  ['half a receipt', base64('{"output":{},"receipt":{"v":1}}')],
])('a write that was completed with %s is claimed', async (_title, data) => {
  const { findings, effects } = await found([
    answered(({ payloads: [payload] }) => {
      if (payload !== undefined) payload.data = data
    }),
  ])
  expect(findings).toContain('effect_claimed billing.refund-1')
  expect(effects[0]).toMatchObject({ step: 'billing.refund-1', history: 'claimed', ledger: null })
})

test('a write that was completed with half a character, of which no digest can be taken, is claimed', async () => {
  const history = answered(({ payloads: [payload] }) => {
    if (payload === undefined) throw new Error('the write was completed with nothing')
    const answer = JSON.parse(Buffer.from(payload.data, 'base64').toString()) as { output: { refundId: string } }
    answer.output.refundId = '\ud800'
    payload.data = base64(JSON.stringify(answer))
  })
  expect((await found([history])).findings).toContain('effect_claimed billing.refund-1')
})

test('a write that was completed with nothing, or in an encoding that nobody knows, is claimed', async () => {
  const histories = [
    answered((result) => {
      result.payloads = []
    }),
    answered(({ payloads: [payload] }) => {
      if (payload !== undefined) payload.metadata.encoding = base64('binary/of-my-own')
    }),
  ]
  for (const history of histories)
    expect((await found([history])).findings).toContain('effect_claimed billing.refund-1')
})

const ended = { closing: 'ended by itself', closedBy: 'WorkflowExecutionCompleted' } as const
/** An execution that did a refund, and another one that it went on as. */
function continued(): readonly [Told, Told] {
  const all = told(exported('refund_request.completed'))
  const [refund, ...rest] = all.steps.filter(({ kind }) => kind === 'write')
  if (refund === undefined) throw new Error('the history has no refund')
  const later = { runId: 'later', beganAtMs: all.beganAtMs + 1, comesFrom: [all.runId], steps: rest, ...ended }
  return [
    { ...all, closing: 'went on', closedBy: 'WorkflowExecutionContinuedAsNew', result: {}, steps: [refund] },
    { ...all, ...later },
  ]
}
const ledgerOf = ({ opened, runKey, steps, workflowType }: Told): AuditedRun => ({
  run: {
    runKey,
    workflowId: '',
    workflowType,
    policyDigest: opened['policyDigest'] as never,
    candidateDigest: null,
    principal: opened['principal'] as never,
    requestDigest: opened['requestDigest'] as never,
    businessKey: null,
    kernelVersion: '',
    buildId: '',
    statement: null,
  },
  effects: steps.map(({ step, tool, inputDigest, answer }) => ({
    step,
    tool,
    state: 'done',
    input: null,
    inputDigest: inputDigest ?? digestOf({}),
    result: answer as never,
    isLeased: false,
  })),
})

test('a run that went on is one run: what its first execution did is told, and the end of the last one counts', async () => {
  const [first, last] = continued()
  const ledger = ledgerOf({ ...first, steps: [...first.steps, ...last.steps] })
  const { findings, effects } = await found([last, first], ledger)
  // Nobody published the key of the recorded host.
  expect(findings).toEqual(['effect_claimed billing.refund-1', 'effect_claimed helpdesk.reply-1'])
  expect(effects.map(({ ledger: state }) => state)).toEqual(['done', 'done'])
  expect((await found([first], ledgerOf(first))).findings).toEqual([
    'history_missing',
    'effect_claimed billing.refund-1',
  ])
})

test('an effect that the end of a run does not list is told, whether the run completed or not', async () => {
  const [first, last] = continued()
  const ledger = ledgerOf({ ...first, steps: first.steps })
  const listing = (state: string): Told => ({ ...last, steps: [], result: { state, effects: [] } })
  expect((await found([first, listing('completed')], ledger)).findings).toContain('effect_untold billing.refund-1')
  expect((await found([first, listing('failed')], ledger)).findings).toContain('effect_stands billing.refund-1')
})
