import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { reconcileId } from '../../src/audit/sweep.ts'
import { placeHold, liftHold } from '../../src/ledger/holds.ts'
import { erase } from '../../src/privacy/erase.ts'
import { Retention } from '../../src/privacy/retention.ts'
import { verifyCertificate } from '../../src/privacy/verify-certificate.ts'
import { useChangedPolicies } from '../support/own-policies.ts'
import { approvalOf, codeOfAnswer, pendingOf, REQUESTER, startRefund } from '../support/refunds.ts'
import type { World } from '../support/world.ts'
import { closedRefund, isClosed, partsOf, rowsOf, withoutWindow } from './erasing.ts'
import { testMasterKeys } from './keys.ts'
import { foundIn, historyBytes } from './searched.ts'

const masterKeys = testMasterKeys()
const world = useChangedPolicies(withoutWindow, { masterKeys })
const parts = () => partsOf(world(), masterKeys)
const ASKED = { reason: 'he asked for it', by: 'olga@acme.example' }
const verified = (certificate: unknown) => verifyCertificate(world().db, JSON.parse(JSON.stringify(certificate)))

const recordOf = async (of: World) => {
  const { rows } = await sql`SELECT refused, done_at FROM countersign.erasures ORDER BY id`.execute(of.db)
  return rows
}

test('somebody who is forgotten cannot be read any more, whoever has the keys, and another one can', async () => {
  const mine = await closedRefund(world())
  const other = await closedRefund(world())
  const before = await rowsOf(world(), other.run.workflowId)
  const erased = await erase(parts(), { subject: mine.order.customerId, ...ASKED })
  expect(erased).toMatchObject({ came: 'erased', isOver: true })
  if (erased.came !== 'erased') return
  const [run] = erased.certificate.runs
  expect(run).toMatchObject({ encrypted: true, rows: { runs: 1, effects: 2, statements: 2 } })
  expect(run?.keys).toHaveLength(1)
  expect(JSON.stringify(erased.certificate)).not.toContain(mine.order.customerId)

  const rows = await rowsOf(world(), mine.run.workflowId)
  expect(rows.replaceAll(/"policy_digest":"sha256:\w+"/g, '')).not.toContain('"sha256:')
  expect(rows).toContain('"input":{"erased": true}')
  await expect(parts().keys.keyById(run?.keys[0] ?? '')).rejects.toMatchObject({ type: 'payload_erased' })
  const bytes = await historyBytes(world(), mine.run.workflowId)
  expect(foundIn(bytes, { order: mine.order.orderId, customer: mine.order.customerId })).toEqual([])

  expect(await rowsOf(world(), other.run.workflowId)).toBe(before)
  expect(await other.run.status()).toMatchObject({ state: 'completed' })
  // Both effects stand in the system of record: erasing is no undo.
  expect(await world().refunded(mine.order.paymentId)).toBe(12_000)
})

test('the certificate verifies, and does not once it was altered, or what it lists is there again', async () => {
  const mine = await closedRefund(world())
  const { rows: kept } = await sql<{ key_id: string; wrapped: Buffer }>`
    SELECT key_id, wrapped FROM countersign.data_keys WHERE workflow_id = ${mine.run.workflowId}`.execute(world().db)
  const erased = await erase(parts(), { subject: mine.order.customerId, ...ASKED })
  if (erased.came !== 'erased') throw new Error(erased.came)
  const { certificate } = erased
  expect(await verified(certificate)).toMatchObject({ ok: true })
  expect(await verified({ ...certificate, reason: 'another' })).toEqual({
    ok: false,
    problems: ['its signature is wrong: it was altered'],
  })
  // A backup of the keys is put back.
  const [key] = kept
  await sql`UPDATE countersign.data_keys SET wrapped = ${key?.wrapped}, destroyed_at = NULL, destroyed_why = NULL
    WHERE key_id = ${key?.key_id}`.execute(world().db)
  expect(await verified(certificate)).toMatchObject({
    ok: false,
    problems: [`the data key ${key?.key_id} of the run \`${certificate.runs[0]?.runKey}\` is there again`],
  })
})

test('a legal hold keeps a run from being erased, whatever it is on, and the refusal is on the record', async () => {
  const mine = await closedRefund(world())
  const before = await rowsOf(world(), mine.run.workflowId)
  const said = { by: 'counsel', reason: 'a law suit' }
  const subjectHash = await parts().keys.hiddenName(mine.order.customerId)
  const { run_key: runKey } = await world()
    .db.selectFrom('countersign.runs')
    .select('run_key')
    .where('workflow_id', '=', mine.run.workflowId)
    .executeTakeFirstOrThrow()
  for (const target of [
    { scope: 'subject', name: subjectHash },
    { scope: 'run', name: mine.run.workflowId },
    { scope: 'run', name: runKey },
    { scope: 'workspace', name: 'acme' },
  ] as const) {
    const { hold } = await placeHold(world().db, target, said)
    expect(await erase(parts(), { subject: mine.order.customerId, ...ASKED })).toMatchObject({
      came: 'held',
      hold: { id: hold.id },
    })
    expect(await rowsOf(world(), mine.run.workflowId)).toBe(before)
    expect((await recordOf(world())).at(-1)).toMatchObject({
      done_at: null,
      refused: expect.stringContaining('a law suit'),
    })
    await liftHold(world().db, hold.id, said)
  }
  expect(await mine.run.status()).toMatchObject({ state: 'completed' })
  expect(await erase(parts(), { subject: mine.order.customerId, ...ASKED })).toMatchObject({ came: 'erased' })
})

test('an open run is left alone, and erased by the next sweep once it has closed', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  const erased = await erase(parts(), { subject: order.customerId, ...ASKED })
  expect(erased).toMatchObject({ came: 'erased', isOver: false, certificate: { runs: [], waiting: [{}] } })
  await run.decide(approvalOf(pending))
  expect(await run.result()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
  await isClosed(world(), { run, order })
  const again = await erase(parts(), { subject: order.customerId, ...ASKED })
  expect(again).toMatchObject({
    came: 'erased',
    isOver: true,
    certificate: { runs: [{ encrypted: true }], waiting: [] },
  })
})

test('asked again it answers with the same certificate, and nobody of that name is nobody', async () => {
  const mine = await closedRefund(world())
  const asked = { subject: mine.order.customerId, ...ASKED }
  const first = await erase(parts(), asked)
  expect(await erase(parts(), asked)).toEqual(first)
  expect(await erase(parts(), { subject: 'nobody', ...ASKED })).toEqual({ came: 'unknown' })
})

test('interrupted between two runs, and in the middle of one, it comes to the same end', async () => {
  const first = await closedRefund(world())
  const second = await closedRefund(world())
  const hash = await parts().keys.hiddenName(first.order.customerId)
  const { run_key: runKey } = await world()
    .db.selectFrom('countersign.runs')
    .select('run_key')
    .where('workflow_id', '=', second.run.workflowId)
    .executeTakeFirstOrThrow()
  const about = { subject_hash: hash, namespace: 'default', workflow_id: second.run.workflowId, run_key: runKey }
  await world().db.insertInto('countersign.data_subjects').values(about).execute()
  const ids = [first.run.workflowId, second.run.workflowId].toSorted()
  const asked = { subject: first.order.customerId, ...ASKED }
  const before = await Promise.all(ids.map((id) => rowsOf(world(), id)))

  // The second of them dies at the end of its transaction.
  await sql`CREATE FUNCTION countersign.dies() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'killed'; END $$`.execute(world().db)
  await sql
    .raw(`CREATE TRIGGER dies BEFORE INSERT ON countersign.erased_runs FOR EACH ROW
    WHEN (NEW.workflow_id = '${ids[1]}') EXECUTE FUNCTION countersign.dies()`)
    .execute(world().db)
  await expect(erase(parts(), asked)).rejects.toThrow('killed')
  expect(await rowsOf(world(), ids[0] ?? '')).not.toBe(before[0])
  expect(await rowsOf(world(), ids[1] ?? '')).toBe(before[1])
  await sql`DROP TRIGGER dies ON countersign.erased_runs`.execute(world().db)

  // Dead before it states anything.
  const dead = {
    ...parts(),
    key: {
      ...world().key,
      sign: () => {
        throw new Error('killed')
      },
    },
  }
  await expect(erase(dead, asked)).rejects.toThrow('killed')

  const erased = await erase(parts(), asked)
  if (erased.came !== 'erased') throw new Error(erased.came)
  expect(erased.isOver).toBe(true)
  expect(erased.certificate.runs.map(({ runKey: one }) => one.split('/')[0])).toEqual(ids)
  expect(erased.certificate.runs.flatMap(({ keys }) => keys)).toHaveLength(2)
  expect(await verified(erased.certificate)).toMatchObject({ ok: true })
})

test('what was done for somebody who is forgotten is not done again', async () => {
  const mine = await closedRefund(world())
  await erase(parts(), { subject: mine.order.customerId, ...ASKED })
  const { orderId, ticketId } = mine.order
  const again = await world().client.start(
    'refund_request',
    { orderId, ticketId, message: 'It arrived broken, please refund $120.00.' },
    { principal: REQUESTER },
  )
  expect(await again.result()).toMatchObject({ state: 'failed', because: { code: 'request_repeated' } })
  expect(await world().refunded(mine.order.paymentId)).toBe(12_000)
})

test('reconciliation finds nothing in an erased run, and still what the ledger has that no event asks for', async () => {
  const mine = await closedRefund(world())
  await erase(parts(), { subject: mine.order.customerId, ...ASKED })
  const sides = { client: world().temporal, db: world().db, keys: parts().keys }
  const [clean] = await reconcileId(sides, mine.run.workflowId)
  expect(clean).toMatchObject({ isErased: true, findings: [] })
  await sql`UPDATE countersign.effects SET step = 'billing.refund-7'
    WHERE run_key = ${clean?.runKey} AND step = 'billing.refund-1'`.execute(world().db)
  const [odd] = await reconcileId(sides, mine.run.workflowId)
  expect(odd?.findings).toMatchObject([{ code: 'effect_untold', step: 'billing.refund-7' }])
})

test('what an attempt that was cut off writes to an erased run is erased by the next sweep', async () => {
  const mine = await closedRefund(world())
  await erase(parts(), { subject: mine.order.customerId, ...ASKED })
  await sql`INSERT INTO countersign.effects (run_key, step, tool, state, input, input_digest)
    SELECT run_key, 'late-1', 'x', 'done', '{"a": "late word"}'::jsonb, 'sha256:00' FROM countersign.runs
    WHERE workflow_id = ${mine.run.workflowId}`.execute(world().db)
  const sweep = new Retention({ ...parts(), namespace: 'default', longestDays: () => Promise.resolve(null) })
  expect(await sweep.sweep()).toMatchObject({ runs: 0, certificate: { runs: [{ rows: { effects: 1 } }] } })
  expect(await rowsOf(world(), mine.run.workflowId)).not.toContain('late word')
})

test('an erased run says nothing more to anybody, and does nothing', async () => {
  const mine = await closedRefund(world())
  await erase(parts(), { subject: mine.order.customerId, ...ASKED })
  expect(await codeOfAnswer(mine.run.undo({ by: 'olga@acme.example' }))).not.toBe('accepted')
  expect(await world().refunded(mine.order.paymentId)).toBe(12_000)
})
