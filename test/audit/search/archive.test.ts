import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { backtest, decidedRuns } from '../../../src/audit/backtest.ts'
import { recordOfRun } from '../../../src/audit/record/record-of-run.ts'
import { explain } from '../../../src/audit/render/explain.ts'
import { LogError } from '../../../src/audit/seal/log.ts'
import { loadPolicy } from '../../../src/policy/load/index.ts'
import { erase } from '../../../src/privacy/erase.ts'
import { refundRequest } from '../../../workflows/refund-request.ts'
import { closedRefund, isClosed, partsOf, withoutWindow } from '../../privacy/erasing.ts'
import { testMasterKeys } from '../../privacy/keys.ts'
import { eventsOf, reset, workflowTasksIn } from '../../support/history.ts'
import { useChangedPolicies } from '../../support/own-policies.ts'
import type { Refund } from '../../support/refunds.ts'
import { query, SHIPPED_POLICIES, until } from '../../support/world.ts'
import { newSealKey, signerWith } from '../seal/log-of.ts'
import { runKeyIn } from '../seal/runs.ts'
import { forgetting, forgettingExecutions, sealed } from './sealing.ts'

const masterKeys = testMasterKeys()
const world = useChangedPolicies(withoutWindow, { masterKeys })
const parts = () => partsOf(world(), masterKeys)
const { contract } = refundRequest
const REFUND = 'billing.refund-1'

let signer: Awaited<ReturnType<typeof signerWith>>
let here: Refund
let gone: Refund
let erased: Refund
let unsealed: Refund
let leaf: number
let before: Awaited<ReturnType<typeof recordOfRun>>
const runKeys = new Map<Refund, Awaited<ReturnType<typeof runKeyIn>>>()
const keyOf = (refund: Refund) => runKeys.get(refund) ?? 'none/none'

const sides = () => ({ client: world().temporal, db: world().db, keys: parts().keys })
const recordNow = (refund: Refund) => recordOfRun(sides(), 'default', keyOf(refund))

beforeAll(async () => {
  signer = await signerWith(newSealKey())
  ;[here, gone, erased, unsealed] = await Promise.all([
    closedRefund(world()),
    closedRefund(world()),
    closedRefund(world()),
    closedRefund(world()),
  ])
  for (const refund of [here, gone, erased, unsealed]) runKeys.set(refund, await runKeyIn(world(), refund.run))
  leaf = await sealed(world(), gone.run, signer)
  for (const { run } of [here, erased]) await sealed(world(), run, signer)
  before = await recordNow(gone)
  await forgetting(world().temporal, ...[gone, erased, unsealed].map(({ run }) => run.workflowId))
  await erase(parts(), { subject: erased.order.customerId, reason: 'he asked for it', by: 'olga@acme.example' })
}, 120_000)

test('the record of a run that Temporal has forgotten is derived from the archive, to the letter', async () => {
  const found = await recordNow(gone)
  expect(before?.archived).toBeNull()
  expect(found?.record).toEqual(before?.record)
  expect(found?.archived).toMatchObject({ index: leaf, runKey: keyOf(gone) })
  expect(found === undefined ? undefined : explain(found.record, REFUND)?.rule).toContain('$120.00')
})

test('without keys it says what is plain, and of what was erased that it was', async () => {
  const plain = await recordOfRun({ ...sides(), keys: undefined }, 'default', keyOf(gone))
  expect(new Set(plain?.record.entries.map(({ proof }) => proof))).toContain('sealed')
  expect(JSON.stringify(plain?.record)).not.toContain(gone.order.customerId)
  for (const keys of [undefined, parts().keys]) {
    const found = await recordOfRun({ ...sides(), keys }, 'default', keyOf(erased))
    expect(new Set(found?.record.entries.map(({ proof }) => proof))).toContain('erased')
    expect(JSON.stringify(found?.record)).not.toContain(erased.order.customerId)
  }
  expect(await recordNow(unsealed)).toBeUndefined()
})

test('a backtest reads the archive for what Temporal has not any more, and says so', async () => {
  const loaded = await loadPolicy(join(SHIPPED_POLICIES, 'refund-request.yaml'), [contract])
  if (!loaded.ok) throw new Error('the shipped policy is not sound')
  const runs = await decidedRuns(sides(), world().taskQueue, { since: null, until: null, playbook: null })
  expect(new Map(runs.map(({ runKey, from }) => [runKey, from]))).toEqual(
    new Map([
      [keyOf(here), 'temporal'],
      [keyOf(gone), 'archive'],
      [keyOf(erased), 'archive'],
      [keyOf(unsealed), null],
    ]),
  )
  const { groups, ...tried } = backtest(loaded.policy, contract, runs)
  expect(tried).toMatchObject({ runs: 3, fromArchive: 2, erased: 1, withoutHistory: 1, decided: 4, changed: 0 })
  expect(groups.find(({ tool }) => tool === 'billing.refund')?.money).toMatchObject({
    refund_amount_usd: { currency: 'USD', cents: 24_000 },
  })
})

test('of a run that was reset, an execution that is gone comes from the archive, and the other from Temporal', async () => {
  const { temporal } = world()
  const refund = await closedRefund(world())
  const { workflowId } = refund.run
  runKeys.set(refund, await runKeyIn(world(), refund.run))
  const handle = temporal.workflow.getHandle(workflowId)
  const { runId } = await handle.describe()
  await reset(temporal, refund.run, workflowTasksIn(await eventsOf(temporal, refund.run)).at(-2) ?? 0, runId)
  await until('the run after the reset', async () => ((await handle.describe()).runId === runId ? undefined : true))
  await isClosed(world(), refund)
  const index = await sealed(world(), refund.run, signer)
  const whole = await recordNow(refund)
  expect(whole?.record.executions).toHaveLength(2)
  await forgettingExecutions(temporal, [{ workflowId, runId }])
  const found = await recordNow(refund)
  expect(found?.archived).toMatchObject({ index })
  expect(found?.record).toEqual(whole?.record)
}, 120_000)

test.each([
  ['a record', `replace(bundle, '"seq":0,"step":null,"text":"', '"seq":0,"step":null,"text":"Nothing happened. ')`],
  ['a history', `regexp_replace(bundle, '("history":"......)...', '\\1AAA')`],
  ['another bundle', '(SELECT bundle FROM countersign.archive WHERE index = 1)'],
])('an archive that was altered is not believed: %s', async (_, altered) => {
  const { databaseUrl } = world()
  const kept = await query(databaseUrl, 'SELECT bundle FROM countersign.archive WHERE index = $1', [leaf])
  const write = async (value: string, values: readonly unknown[]) => {
    await query(databaseUrl, 'ALTER TABLE countersign.archive DISABLE TRIGGER append_only')
    await query(databaseUrl, `UPDATE countersign.archive SET bundle = ${value} WHERE index = $1`, values)
    await query(databaseUrl, 'ALTER TABLE countersign.archive ENABLE ALWAYS TRIGGER append_only')
  }
  await write(altered, [leaf])
  await expect(recordNow(gone)).rejects.toThrow(LogError)
  await expect(recordNow(gone)).rejects.toThrow(`what is archived of its leaf ${leaf} is not what was sealed`)
  await write('$2', [leaf, kept.rows[0]?.['bundle']])
  expect((await recordNow(gone))?.record).toEqual(before?.record)
})
