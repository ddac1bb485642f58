import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { holdTicket } from '../support/holder.ts'
import { bothOf, foundIn, foundInAll } from '../support/reconciled.ts'
import { approvalOf, pendingOf, startRefund } from '../support/refunds.ts'
import { query, startWorld, until, useWorld } from '../support/world.ts'

// Somebody writes to the ledger, or to the namespace, and reconciliation tells what does not agree any more.
const world = useWorld()
const [REFUND, REPLY] = ['billing.refund-1', 'helpdesk.reply-1']

const sql = (text: string, ...values: readonly unknown[]) => query(world().databaseUrl, text, values)
const ofRun = ({ workflowId }: RunHandle) => `${workflowId}/%`
const alter = (run: RunHandle, set: string, step = REFUND) =>
  sql(`UPDATE countersign.effects SET ${set} WHERE run_key LIKE $1 AND step = $2`, ofRun(run), step)
const handleOf = ({ workflowId }: RunHandle) => world().temporal.workflow.getHandle(workflowId)

async function completed() {
  const started = await startRefund(world())
  await started.run.outcome()
  return started
}
async function reverted() {
  const started = await completed()
  await started.run.undo({ by: 'olga' })
  await started.run.result()
  return started
}

const altered: readonly (readonly [what: string, set: string, found: string])[] = [
  ['another result', `result = jsonb_set(result, '{output,refundId}', '"ref_9"')`, `result_differs ${REFUND}`],
  ['another input', `input_digest = 'sha256:${'0'.repeat(64)}'`, `input_differs ${REFUND}`],
  ['undone', "state = 'undone'", `effect_gone ${REFUND}`],
  ['barred', "state = 'barred'", `effect_gone ${REFUND}`],
]

test.concurrent.for(altered)('a done effect that the ledger has with or as %s', async ([_what, set, found]) => {
  const { run } = await completed()
  await alter(run, set)
  expect(await foundIn(world(), run)).toEqual([found])
})

test.concurrent('a done effect that the ledger does not have', async () => {
  const { run, order } = await completed()
  await sql('DELETE FROM countersign.effects WHERE run_key LIKE $1 AND step = $2', ofRun(run), REFUND)
  expect(await foundIn(world(), run)).toEqual([`effect_not_in_ledger ${REFUND}`])
  expect(await bothOf(world(), run)).toContain(`${REFUND}: done, nothing`)
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test.concurrent('an effect of the ledger that no event speaks of, done or undone', async () => {
  const { run } = await completed()
  const copy = (step: string, state: string) =>
    sql(
      `INSERT INTO countersign.effects (run_key, step, tool, state, input, input_digest, result)
       SELECT run_key, $2, tool, $3, input, input_digest, result FROM countersign.effects
       WHERE run_key LIKE $1 AND step = $4`,
      ofRun(run),
      step,
      state,
      REFUND,
    )
  await copy('billing.refund-2', 'done')
  await copy('billing.refund-3', 'undone')
  await copy('billing.refund-4', 'barred')
  expect(await foundIn(world(), run)).toEqual(['effect_untold billing.refund-2', 'effect_untold billing.refund-3'])
})

test.concurrent('an effect that the run says is undone, and the ledger that it is done or nothing', async () => {
  const { run } = await reverted()
  await alter(run, "state = 'done'")
  await sql('DELETE FROM countersign.effects WHERE run_key LIKE $1 AND step = $2', ofRun(run), REPLY)
  expect(await foundIn(world(), run)).toEqual([`effect_stands ${REFUND}`, `undo_not_in_ledger ${REPLY}`])
})

test.concurrent('an effect of which nobody can tell, in a run that is closed; not while an attempt may be under way, nor in an open run', async () => {
  const open = await completed()
  await alter(open.run, "state = 'unknown'")
  expect(await foundIn(world(), open.run)).toEqual([])
  const { run } = await reverted()
  for (const state of ['claimed', 'sent', 'unknown']) {
    await alter(run, `state = '${state}', lease_until = now() - interval '1 second'`)
    expect(await foundIn(world(), run), state).toEqual([`effect_unsettled ${REFUND}`])
    await alter(run, `state = '${state}', lease_until = now() + interval '1 hour'`)
    expect(await foundIn(world(), run), state).toEqual([])
  }
})

test.concurrent('a run that was terminated in the middle, with what stands of it', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const holder = await holdTicket(world().databaseUrl, order.ticketId)
  await run.decide(approvalOf(await pendingOf(run)))
  await until('the refund', async () => ((await world().refunded(order.paymentId)) > 0 ? true : undefined))
  await until('the reply, under way', async () => {
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return (await sql(waiting)).rows[0]
  })
  await handleOf(run).terminate('a stranger')
  expect(await foundIn(world(), run)).toEqual([`ended_outside ${REFUND}`])
  await holder.release()
  // The attempt of the host does not hear of it.
  await until('the reply', async () => {
    const replies = await world().count('replies', `ticket_id = '${order.ticketId}'`)
    return replies === 1 ? true : undefined
  })
  expect(await foundIn(world(), run)).toEqual([`ended_outside ${REFUND}`, `ended_outside ${REPLY}`])
  expect(await world().refunded(order.paymentId)).toBe(12_000)
})

test.concurrent('a run whose row is another’s', async () => {
  const { run } = await completed()
  const row = (set: string) => sql(`UPDATE countersign.runs SET ${set} WHERE run_key LIKE $1`, ofRun(run))
  for (const set of [`principal = jsonb_set(principal, '{subject}', '"eve"')`, "workflow_type = 'support_request'"]) {
    await row(set)
    expect(await foundIn(world(), run), set).toEqual(['run_differs'])
    await row(`principal = jsonb_set(principal, '{subject}', '"ana@acme.example"'), workflow_type = 'refund_request'`)
    expect(await foundIn(world(), run)).toEqual([])
  }
})

test.concurrent('a run that Temporal does not have any more', async () => {
  const { run, order } = await reverted()
  await world().temporal.workflowService.deleteWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run.workflowId },
  })
  const isGone = async () =>
    (await handleOf(run)
      .describe()
      .catch(() => null)) === null
      ? true
      : undefined
  await until('its end', isGone, 90_000)
  expect(await foundIn(world(), run)).toEqual(['history_missing'])
  expect(await world().refunded(order.paymentId)).toBe(0)
}, 120_000)

test('a run that the ledger does not have, and what no known key signed, in another world', async () => {
  const other = await startWorld()
  try {
    const [lost, unsigned] = [await startRefund(other), await startRefund(other)]
    await lost.run.outcome()
    await unsigned.run.outcome()
    await query(other.databaseUrl, 'DELETE FROM countersign.effects WHERE run_key LIKE $1', [ofRun(lost.run)])
    await query(other.databaseUrl, 'DELETE FROM countersign.runs WHERE run_key LIKE $1', [ofRun(lost.run)])
    expect(await foundIn(other, lost.run)).toEqual([
      'run_not_in_ledger',
      `effect_not_in_ledger ${REFUND}`,
      `effect_not_in_ledger ${REPLY}`,
    ])
    await until('both runs in visibility', async () => ((await foundInAll(other)).compared === 2 ? true : undefined))
    expect(Object.keys((await foundInAll(other)).found)).toEqual([lost.run.workflowId])

    await query(other.databaseUrl, 'DELETE FROM countersign.keys')
    expect(await foundIn(other, unsigned.run)).toEqual([
      `effect_claimed ${REFUND}`,
      `effect_claimed ${REPLY}`,
      'reading_claimed billing.getOrder-1',
      'reading_claimed crm.getCustomer-1',
      'reading_claimed refund.readClaim-1',
    ])
    expect(await bothOf(other, unsigned.run)).toEqual([`${REFUND}: claimed, done`, `${REPLY}: claimed, done`])
  } finally {
    await other.stop()
  }
})
