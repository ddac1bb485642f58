import { Client, Connection } from '@temporalio/client'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { codeOf } from '../../src/contract/failures.ts'
import { observers } from '../../src/worker/observer.ts'
import { prometheusOf } from '../../src/worker/prometheus.ts'
import { useFolder } from '../cli/cli.ts'
import { requestFor, waitingRun } from '../cli/waiting-run.ts'
import { useWorkerChild } from '../cli/worker-child.ts'
import { query, until } from '../support/world.ts'
import { get, healthOf } from './shop.ts'

const folder = useFolder()
const child = useWorkerChild(folder)
let temporal: Client
beforeAll(async () => {
  temporal = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) })
})
afterAll(() => temporal.connection.close())

const scrape = async (): Promise<string> => (await get(`${healthOf(child().worker)}/metrics`)).text

/** Temporal's own metrics are labelled by Temporal: with the type of an activity, whoever made it up. */
const ours = async () => (await scrape()).replaceAll(/^temporal_.*$/gm, '')

/** Waits until a line of the metrics begins with a name and its labels, and gives its value. */
const metric = (start: string, wanted: (value: number) => boolean = () => true) =>
  until(start, async () => {
    const line = (await scrape()).split('\n').find((one) => one.startsWith(`${start} `))
    const value = Number(line?.slice(start.length))
    return line !== undefined && wanted(value) ? value : undefined
  })

const ANA = { subject: 'ana@acme.example', workspace: 'acme' }
const steps = (tool: string, code: string) =>
  `countersign_steps_total{playbook="refund_request",tool="${tool}",code="${code}"}`

test('what a refund did is counted: its steps, its effects, how long they took', async () => {
  const { order, request } = await requestFor(child())
  const run = await child().client.start('refund_request', request, {
    principal: ANA,
    workflowId: `counted-${order.orderId}`,
  })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  for (const tool of [
    'countersign.openRun',
    'billing.getOrder',
    'refund.readClaim',
    'billing.refund',
    'helpdesk.reply',
  ]) {
    expect(await metric(steps(tool, 'ok')), tool).toBe(1)
  }
  expect(await metric('countersign_effects_total{tool="billing.refund",state="done"}')).toBe(1)
  expect(await metric('countersign_step_duration_seconds_count{tool="billing.refund"}')).toBe(1)
  expect(await metric('countersign_steps_running{tool="billing.refund"}')).toBe(0)
  await run.undo({ by: 'olga', comment: 'wrong' })
  expect(await metric('countersign_effects_total{tool="billing.refund",state="undone"}')).toBe(1)
  expect(await metric(steps('billing.refund.undo', 'ok'))).toBe(1)
})

test('what the guard refuses is counted by its code, under few names however it is called, and nothing happens', async () => {
  const before = await query(child().databaseUrl, 'SELECT count(*)::int AS n FROM countersign.effects')
  const options = { taskQueue: child().taskQueue, startToCloseTimeout: '10 s' } as const
  for (const type of ['billing.refund', `made-up-${randomUUID()}`, `made-up-${randomUUID()}`]) {
    const call = temporal.activity.execute(type, { ...options, id: `outside-${randomUUID()}`, args: [{}] })
    const code = type === 'billing.refund' ? 'warrant_missing' : 'activity_unknown'
    expect(await call.then(() => 'done', codeOf)).toBe(code)
  }
  expect(await metric('countersign_guard_refusals_total{tool="billing.refund",code="warrant_missing"}')).toBe(1)
  expect(await metric('countersign_guard_refusals_total{tool="unknown",code="activity_unknown"}')).toBe(2)
  expect(await metric('countersign_steps_total{playbook="unknown",tool="unknown",code="activity_unknown"}')).toBe(2)
  expect(await ours()).not.toContain('made-up')
  expect(await query(child().databaseUrl, 'SELECT count(*)::int AS n FROM countersign.effects')).toEqual(before)
})

test('no label holds what a run is called or about', async () => {
  const { workflowId, order } = await waitingRun(child())
  await metric(steps('billing.refund.preview', 'ok'))
  const text = await ours()
  expect(text).toContain('billing.refund.preview')
  for (const secret of [workflowId, order.orderId, order.paymentId, ANA.subject]) expect(text).not.toContain(secret)
  await child().run(['cancel', workflowId])
})

test('effects that nobody knows the outcome of are counted out of the ledger', async () => {
  expect(await metric('countersign_ledger_effects{state="unknown"}')).toBe(0)
  await query(
    child().databaseUrl,
    `INSERT INTO countersign.effects (run_key, step, tool, state, input, input_digest, lease_until)
     SELECT run_key, 'planted-' || state, 'billing.refund', state, '{}', 'sha256:0', now() - interval '1 minute'
     FROM (SELECT run_key FROM countersign.runs LIMIT 1) AS one, (VALUES ('unknown'), ('claimed')) AS states (state)`,
  )
  // Looked up four times a minute at most.
  expect(await metric('countersign_ledger_effects{state="unknown"}', (value) => value > 0)).toBe(1)
  expect(await metric('countersign_ledger_effects{state="lapsed"}')).toBe(1)
  expect(await metric('countersign_ledger_effects{state="claimed"}')).toBe(0)
})

test('the pool, the build, the process and Temporal’s own metrics are in the same answer', async () => {
  const text = await scrape()
  expect(text).toMatch(/^countersign_worker_info\{build_id="0\.\S+-[0-9a-f]{16}",kernel_version="0\.1\.0"\} 1$/m)
  expect(await metric('countersign_db_connections{state="waiting"}')).toBe(0)
  expect(text).toContain('\ncountersign_temporal_metrics_up 1\n')
  expect(text).toMatch(/^temporal_worker_task_slots_available\{/m)
  expect(text).toMatch(/^temporal_workflow_task_execution_latency_seconds_bucket\{/m)
  expect(text).toMatch(/^process_cpu_seconds_total /m)
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  expect(new Set(names).size).toBe(names.length)
})

test('calls of models are counted as budgets see them', async () => {
  const metrics = prometheusOf()
  const { observer } = metrics
  observer.modelCall?.({ thought: 'refund.readClaim', state: 'reserved' })
  observer.modelCall?.({ thought: 'refund.readClaim', state: 'refused' })
  const used = { microUsd: 1500, inputTokens: 700, outputTokens: 40 }
  observer.modelCall?.({ thought: 'refund.readClaim', state: 'settled', ...used })
  const text = await metrics.text()
  for (const state of ['reserved', 'refused', 'settled']) {
    expect(text).toContain(`countersign_model_calls_total{thought="refund.readClaim",state="${state}"} 1\n`)
  }
  expect(text).toContain('countersign_model_spend_micro_usd_total{thought="refund.readClaim"} 1500\n')
  expect(text).toContain('countersign_model_tokens_total{thought="refund.readClaim",direction="input"} 700\n')
  expect(text).toContain('countersign_model_tokens_total{thought="refund.readClaim",direction="output"} 40\n')
})

test('an observer that throws disturbs neither the work nor the other observers', () => {
  const heard: string[] = []
  const bad = () => {
    throw new Error('no room')
  }
  const all = observers({ effect: bad }, { effect: (tool, change) => void heard.push(`${tool} ${change}`) })
  all.effect?.('billing.refund', 'done')
  expect(heard).toEqual(['billing.refund done'])
})

test('every metric of ours is in the table of the documentation, and each in the table is there', async () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operating.md'), 'utf8')
  // Those of sweepers have a table of their own, and a test in `test/audit/sweep`.
  const documented = [...page.matchAll(/^\| `(countersign_(?!sweep_)\w+)` \| (\w+) \|/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  )
  const served = [...(await scrape()).matchAll(/^# TYPE (countersign_\w+) (\w+)$/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  )
  expect(documented.toSorted()).toEqual(served.toSorted())
})
