import { defaultPayloadConverter } from '@temporalio/common'
import type { temporal } from '@temporalio/proto'
import { beforeAll, expect, test } from 'vitest'
import { join } from 'node:path'
import { historyBytes } from '../../../src/audit/record/history-bytes.ts'
import { historyIn } from '../../../src/audit/seal/opened.ts'
import { verifyBundle } from '../../../src/audit/verify/verify.ts'
import type { RunKey } from '../../../src/contract/evidence.ts'
import type { Json } from '../../../src/contract/json.ts'
import { bundleForReplay } from '../../../src/worker/bundle.ts'
import { writeBundle } from '../../../src/worker/prebuilt.ts'
import { type CodeOfThen, codeOfThen } from '../../../src/worker/replay-bundle.ts'
import { approvalOf, pendingOf, startRefund } from '../../support/refunds.ts'
import { SHIPPED_WORKFLOWS, useWorld } from '../../support/world.ts'
import { against, bytesOf, LogOf, newFolder, newSealKey, signerWith } from './log-of.ts'
import { runKeyIn, sealLive, storedOf } from './runs.ts'

type History = temporal.api.history.v1.IHistory

const world = useWorld()
const [key, witness] = [newSealKey(), newSealKey()]
let runKey: RunKey
let stored: History
let code: CodeOfThen

beforeAll(async () => {
  const folder = newFolder()
  await writeBundle(SHIPPED_WORKFLOWS, folder)
  code = await codeOfThen(folder)
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide(approvalOf(await pendingOf(run)))
  await run.outcome()
  await run.undo({ by: 'olga@acme.example' })
  await run.result()
  runKey = await runKeyIn(world(), run)
  const [history] = await storedOf(world(), runKey)
  stored = history ?? {}
}, 60_000)

/** What verification says of a run that somebody sealed in good faith, whatever had happened in it. */
async function failsOf(
  history: History,
  by: CodeOfThen | Pick<CodeOfThen, 'buildId' | 'workflowBundle'> = code,
  of = runKey,
) {
  const run = await sealLive(world(), of, [history], await signerWith(key))
  const log = LogOf.of([run], key)
  const auditor = { ...against(key, witness, await log.checkpoint()), contracts: code.playbooks, code: by }
  const { verdicts } = await verifyBundle(bytesOf(await log.bundle(run, 0, witness)), auditor)
  const failed = verdicts.filter(({ verdict }) => verdict === 'failed')
  return { checks: failed.map(({ check }) => check), where: failed.flatMap((one) => one.where) }
}

const copyOf = (history: History): History => historyIn(Buffer.from(historyBytes(history)).toString('base64'))

/** Another history, in which the argument of an activity, or its result, is otherwise. */
function changed(step: string, of: 'input' | 'result', change: (json: string) => string): History {
  const history = copyOf(stored)
  const scheduled = history.events?.find((event) => event.activityTaskScheduledEventAttributes?.activityId === step)
  const completed = history.events?.find(
    (event) => String(event.activityTaskCompletedEventAttributes?.scheduledEventId) === String(scheduled?.eventId),
  )
  const payloads =
    of === 'input'
      ? scheduled?.activityTaskScheduledEventAttributes?.input
      : completed?.activityTaskCompletedEventAttributes?.result
  const [payload] = payloads?.payloads ?? []
  if (!payload) throw new Error(`there is no ${of} of ${step}`)
  const text = JSON.stringify(defaultPayloadConverter.fromPayload(payload))
  const other = change(text)
  if (other === text) throw new Error('nothing was changed')
  payload.data = defaultPayloadConverter.toPayload(JSON.parse(other) as Json)?.data ?? null
  return history
}

test('a run that nobody touched holds against the very code that it ran, and its contracts of then', async () => {
  expect(await failsOf(stored)).toEqual({ checks: [], where: [] })
})

test('a changed argument of an activity: code and receipt say otherwise', async () => {
  const { checks, where } = await failsOf(
    changed('helpdesk.reply-1', 'input', (json) => json.replace(/"plan":"/, '"plan":"do something else and ')),
  )
  expect(checks).toEqual(['code'])
  expect(where[0]).toMatch(/the activity `helpdesk\.reply` \(helpdesk\.reply-1\) at `warrant\.plan`/)
})

test('a wrong decision: the policy says otherwise', async () => {
  const decided = changed('billing.refund-1', 'input', (json) => json.replaceAll('"require_approval"', '"allow"'))
  const { checks, where } = await failsOf(decided)
  expect(checks).toEqual(['policy', 'code'])
  expect(where[0]).toMatch(/\(billing\.refund-1\): the policy decides `require_approval`, and the run says `allow`/)
})

test('facts that the evidence does not give: the policy says which', async () => {
  const { checks, where } = await failsOf(
    changed('billing.refund-1', 'input', (json) =>
      json.replace(/"refund_amount_usd":\{[^}]*"cents":12000/, (found) => found.replace('12000', '2000')),
    ),
  )
  expect(checks).toContain('policy')
  expect(where[0]).toMatch(/its facts are not those of the evidence: refund_amount_usd/)
})

test('an effect without a receipt: no host signed it', async () => {
  const { checks, where } = await failsOf(
    changed('billing.refund-1', 'result', (json) => json.replace(/"signature":"[^"]{4}/, '"signature":"AAAA')),
  )
  expect(checks).toEqual(expect.arrayContaining(['receipts']))
  expect(checks).not.toContain('policy')
  expect(
    where.some((place) => /\(tool_call billing\.refund-1\): the receipt of .* has a wrong signature/.test(place)),
  ).toBe(true)
})

test('code that goes another way: the code says otherwise, and nothing else', async () => {
  const workflowBundle = await bundleForReplay(join(import.meta.dirname, '..', '..', 'replay', 'changed-playbook.ts'))
  const { checks, where } = await failsOf(stored, { buildId: code.buildId, workflowBundle })
  expect(checks).toEqual(['code'])
  expect(where[0]).toMatch(/the code goes another way: .*TMPRL1100/)
})

test('code that orders the same and says other things: the code says otherwise, and names what', async () => {
  const workflowBundle = await bundleForReplay(join(import.meta.dirname, '..', '..', 'replay', 'other-words.ts'))
  // One that asks nobody: an approval is of exactly one action, and the run would stop there.
  const { run } = await startRefund(world())
  await run.outcome()
  const of = await runKeyIn(world(), run)
  const [history = {}] = await storedOf(world(), of)
  const { checks, where } = await failsOf(history, { buildId: code.buildId, workflowBundle }, of)
  expect(checks).toEqual(['code'])
  expect(where.some((place) => /`billing\.refund` \(billing\.refund-1\) at `input\.amount/.test(place))).toBe(true)
})

test('code of another build is not what the run names', async () => {
  const { checks, where } = await failsOf(stored, { ...code, buildId: '0.1.0-0000000000000000' })
  expect([checks, where]).toEqual([['code'], ['member build']])
})
