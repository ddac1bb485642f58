import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { codeOfAnswer, pendingOf, sendRaw, shownResult, startRefund } from '../support/refunds.ts'
import { settleRefunds, unsettleRefunds } from '../support/orders.ts'
import { undoBy } from '../support/people.ts'
import { SHIPPED_POLICIES, startWorld, until, useWorld } from '../support/world.ts'

const world = useWorld()

test.concurrent('a signal undoes as an update does', async () => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  await world()
    .temporal.workflow.getHandle(run.workflowId)
    .signal('undo', undoBy('olga', (await run.status()).runKey, 'acme'))
  expect(await run.result()).toMatchObject({ state: 'reverted', because: { code: 'undo_requested', by: 'olga' } })
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('a second undo is refused, and the refund is voided once', async () => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  const codes = await Promise.all([codeOfAnswer(run.undo({ by: 'olga' })), codeOfAnswer(run.undo({ by: 'otto' }))])
  expect(codes.filter((code) => code === 'accepted')).toHaveLength(1)
  expect(['undo_under_way', 'run_not_found']).toContain(codes.find((code) => code !== 'accepted'))
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  expect(await codeOfAnswer(run.undo({ by: 'olga' }))).toBe('run_not_found')
  expect(await world().count('refunds', `payment_id = '${order.paymentId}' AND status = 'voided'`)).toBe(1)
})

test.concurrent.for([
  ['without a statement', 'statement_missing', {}],
  ['of somebody who only says who he is', 'statement_missing', { by: 'olga' }],
  ['with a field too many', 'undo_malformed', { by: 'olga', force: true }],
  ['with an empty name', 'undo_malformed', { by: ' ' }],
] as const)('an undo %s is refused with %s and undoes nothing', async ([, code, message]) => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  expect(await sendRaw(world(), run, 'undo', message)).toMatchObject({ accepted: false, code })
  expect(await run.status()).toMatchObject({ state: 'completed', effects: [{ state: 'done' }, { state: 'done' }] })
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test.concurrent('an undo of a run that is still going is refused', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(run)
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: false, code: 'undo_not_completed' })
  expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'approval' })
})

test.concurrent.for([
  ['refused', { message: 'Fraud! $20.00 back.' }],
  ['escalated', { message: 'Broken, I want $900.00 back.' }],
] as const)('an undo of a run that was %s finds no open run', async ([state, options]) => {
  const { run } = await startRefund(world(), options)
  expect(await run.result()).toMatchObject({ state })
  expect(await codeOfAnswer(run.undo({ by: 'olga' }))).toBe('run_not_found')
})

test.concurrent('an undo of a settled refund is an incident, which can be tried again once that was put right', async () => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  await settleRefunds(world().databaseUrl, order.paymentId)
  expect(await codeOfAnswer(run.undo({ by: 'olga' }))).toBe('accepted')
  const incident = await until('the incident', async () => (await run.status()).incidents[0])
  expect(incident).toMatchObject({ step: 'billing.refund-1', code: 'precondition_failed' })
  expect(incident.message).toContain('settled')
  const listed = await until('the run among the blocked', async () =>
    (await world().client.list({ state: 'blocked' })).find(({ workflowId }) => workflowId === run.workflowId),
  )
  expect(listed).toMatchObject({ waitingFor: 'incident' })
  expect(await world().refunded(order.paymentId)).toBe(2_000)

  await unsettleRefunds(world().databaseUrl, order.paymentId)
  await run.resolve({ step: 'billing.refund-1', resolution: 'retry', by: 'otto' })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'undo_requested', by: 'olga' },
    effects: [{ state: 'undone' }, { state: 'undone' }],
  })
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('a settled refund that was put right by hand is settled on the record', async () => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  await settleRefunds(world().databaseUrl, order.paymentId)
  await run.undo({ by: 'olga' })
  await until('the incident', async () => (await run.status()).incidents[0])
  await run.resolve({ step: 'billing.refund-1', resolution: 'settled', by: 'otto', comment: 'they paid it back' })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    effects: [
      { step: 'billing.refund-1', state: 'settled' },
      { step: 'helpdesk.reply-1', state: 'undone' },
    ],
  })
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test.concurrent('whoever asks for the outcome after an undo is told that the run was undone', async () => {
  const { run } = await startRefund(world())
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await run.undo({ by: 'olga' })
  await run.result()
  expect(await run.outcome()).toMatchObject({ state: 'reverted' })
})

test('a policy without rollback gives no window: the run closes at once and cannot be undone', async () => {
  const policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
  await cp(SHIPPED_POLICIES, policies, { recursive: true })
  const file = join(policies, 'refund-request.yaml')
  await writeFile(file, (await readFile(file, 'utf8')).replace('enabled: true', 'enabled: false'))
  const strict = await startWorld({ policies })
  try {
    const { run, order } = await startRefund(strict)
    expect(await run.result()).toMatchObject({ state: 'completed', undoUntil: null })
    expect(await codeOfAnswer(run.undo({ by: 'olga' }))).toBe('run_not_found')
    expect(await strict.refunded(order.paymentId)).toBe(2_000)
    expect(await shownResult(run)).toMatchObject({
      state: 'completed',
      effects: [{ state: 'done' }, { state: 'done' }],
    })
  } finally {
    await strict.stop()
    await rm(policies, { recursive: true })
  }
})
