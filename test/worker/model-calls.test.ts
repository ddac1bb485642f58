import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { fail, failureOf } from '../../src/contract/failures.ts'
import { modelSpendOf } from '../../src/ledger/model-calls.ts'
import { insertRun } from '../../src/ledger/runs.ts'
import { digestOfText } from '../../src/contract/digest.ts'
import { type RunKey, runKeyOf } from '../../src/contract/evidence.ts'
import { meterOf } from '../../src/worker/spend.ts'
import { ANA, untilOneWaits, useLedger } from './ledger-case.ts'
import { startOf } from '../support/people.ts'

const ledger = useLedger()
const usage = (microUsd: number) => ({ inputTokens: 7, outputTokens: 3, microUsd })

let runs = 0
/** A run that no other test knows. */
async function newRun(): Promise<RunKey> {
  const workflowId = `thinker-${(runs += 1)}`
  const digest = digestOfText('none')
  const { runKey } = await insertRun(ledger(), {
    runKey: runKeyOf(workflowId, 'run-1'),
    workflowId,
    workflowType: 'boxes',
    policyDigest: digest,
    candidateDigest: null,
    principal: ANA,
    requestDigest: digest,
    businessKey: null,
    kernelVersion: '0',
    buildId: 'test',
    statement: startOf(workflowId, ANA),
  })
  return runKey
}

const meter = (runKey: RunKey, cap: number | null, attempt = 1) =>
  meterOf(ledger(), { runKey, runId: 'run-1', step: 'box.guess-1', attempt }, () => Promise.resolve(cap))
const refusal = (asked: Promise<unknown>) => asked.then(() => expect.fail('it was reserved'), failureOf)

test('a reservation counts in full until it is settled, and then as what the call cost', async () => {
  const runKey = await newRun()
  const first = meter(runKey, 100)
  const reserved = await first.reserve(usage(60), 'a call')
  expect(await modelSpendOf(ledger(), runKey)).toEqual({ modelMicroUsd: 60, inputTokens: 0, outputTokens: 0 })
  await reserved.settle(usage(25))
  const spent = { modelMicroUsd: 25, inputTokens: 7, outputTokens: 3 }
  expect(await first.spent()).toEqual(spent)
  await reserved.settle(usage(1))
  expect(await first.spent()).toEqual(spent)
})

test('what does not fit is refused with what is left, and nothing is set aside', async () => {
  const runKey = await newRun()
  await meter(runKey, 10_000).reserve(usage(9_000), 'a call')
  const second = meter(runKey, 10_000, 2)
  expect(await refusal(second.reserve(usage(1_001), 'a call of model `m`'))).toEqual({
    code: 'model_budget_exceeded',
    message: 'a call of model `m` may cost $0.0011, and $0.0010 is left; it was not made',
    details: { worstCaseMicroUsd: 1_001, capMicroUsd: 10_000 },
  })
  expect(await modelSpendOf(ledger(), runKey)).toMatchObject({ modelMicroUsd: 9_000 })
  await second.reserve(usage(1_000), 'a call')
  expect(await second.spent()).toMatchObject({ modelMicroUsd: 10_000 })
})

test('a call that cost more than was set aside leaves nothing for the next, not even for a free one', async () => {
  const runKey = await newRun()
  const one = meter(runKey, 100)
  await (await one.reserve(usage(50), 'a call')).settle(usage(130))
  expect(await refusal(one.reserve(usage(0), 'a call'))).toMatchObject({
    code: 'model_budget_exceeded',
    message: 'a call may cost $0.0000, and $0.0000 is left; it was not made',
  })
})

test('without a cap every call is made, and counted', async () => {
  const runKey = await newRun()
  const one = meter(runKey, null)
  await (await one.reserve(usage(5_000_000_000), 'a call')).settle(usage(4_000_000_000))
  await one.reserve(usage(1), 'a call')
  expect(await one.spent()).toMatchObject({ modelMicroUsd: 4_000_000_001 })
})

test('fifty reservations at once do not pass the cap', async () => {
  const runKey = await newRun()
  const all = Array.from({ length: 50 }, (_, at) => meter(runKey, 100, at + 1).reserve(usage(10), 'a call'))
  const made = (await Promise.allSettled(all)).filter(({ status }) => status === 'fulfilled')
  expect(made).toHaveLength(10)
  expect(await modelSpendOf(ledger(), runKey)).toMatchObject({ modelMicroUsd: 100 })
})

test('a reservation waits for one of the same run that has not committed, and sees it', async () => {
  const runKey = await newRun()
  const other = await newRun()
  const [locked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const holding = ledger()
    .transaction()
    .execute(async (tx) => {
      await sql`SELECT 1 FROM countersign.runs WHERE run_key = ${runKey} FOR NO KEY UPDATE`.execute(tx)
      await sql`INSERT INTO countersign.model_calls (run_key, run_id, step, attempt, call, what, reserved_micro_usd)
        VALUES (${runKey}, 'run-1', 'box.guess-2', 1, 1, 'a call', 95)`.execute(tx)
      locked.resolve()
      await held.promise
    })
  await locked.promise
  const waiting = refusal(meter(runKey, 100).reserve(usage(10), 'a call'))
  await untilOneWaits(ledger())
  await meter(other, 100).reserve(usage(10), 'a call')
  held.resolve()
  await holding
  expect(await waiting).toMatchObject({ code: 'model_budget_exceeded' })
})

test('an effect of a run does not wait for a reservation', async () => {
  const runKey = await newRun()
  await ledger()
    .transaction()
    .execute(async (tx) => {
      await sql`SELECT 1 FROM countersign.runs WHERE run_key = ${runKey} FOR NO KEY UPDATE`.execute(tx)
      await sql`INSERT INTO countersign.effects (run_key, step, tool, state, input, input_digest)
        VALUES (${runKey}, 'box.put-1', 'box.put', 'claimed', '{}', 'none')`.execute(ledger())
    })
  expect(await modelSpendOf(ledger(), runKey)).toMatchObject({ modelMicroUsd: 0 })
})

test.each([-1, 0.5, Number.NaN])('a call that is settled as %f micro-dollars stays set aside in full', async (cost) => {
  const runKey = await newRun()
  const reserved = await meter(runKey, 100).reserve(usage(40), 'a call')
  await expect(reserved.settle(usage(cost))).rejects.toThrow(/violates check constraint|invalid input syntax/)
  expect(await modelSpendOf(ledger(), runKey)).toMatchObject({ modelMicroUsd: 40 })
})

test('an attempt that calls no model asks neither for the cap nor for the spend', async () => {
  const never = () => Promise.reject(fail('database_unavailable', 'nobody is to ask'))
  const unused = meterOf(undefined as never, { runKey: 'a/b', runId: 'b', step: 's', attempt: 1 }, never)
  expect(await unused.spent()).toBeUndefined()
})
