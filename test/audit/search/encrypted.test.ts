import { sql } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import { search } from '../../../src/audit/search/search.ts'
import type { Sought } from '../../../src/ledger/audit-index.ts'
import { erase } from '../../../src/privacy/erase.ts'
import { verifyCertificate } from '../../../src/privacy/verify-certificate.ts'
import { closedRefund, partsOf, withoutWindow } from '../../privacy/erasing.ts'
import { testMasterKeys } from '../../privacy/keys.ts'
import { useChangedPolicies } from '../../support/own-policies.ts'
import { approvalOf, pendingOf, type Refund, startRefund } from '../../support/refunds.ts'
import { newSealKey, signerWith } from '../seal/log-of.ts'
import { sealed } from './sealing.ts'

const masterKeys = testMasterKeys()
const world = useChangedPolicies(withoutWindow, { masterKeys })
const parts = () => partsOf(world(), masterKeys)
let signer: Awaited<ReturnType<typeof signerWith>>
let approved: Refund
let rejected: Refund

beforeAll(async () => {
  signer = await signerWith(newSealKey())
  approved = await closedRefund(world())
  rejected = await startRefund(world(), { amountCents: 15_000 })
  await rejected.run.decide({ ...approvalOf(await pendingOf(rejected.run)), decision: 'reject', comment: 'no photo' })
  await rejected.run.result()
  for (const { run } of [approved, rejected]) await sealed(world(), run, signer)
}, 60_000)

const without = (sought: Sought) => search({ db: world().db }, sought, { limit: 10 })
const withKeys = (sought: Sought) => search({ db: world().db, keys: parts().keys }, sought, { limit: 10 })
const ids = ({ runs }: Awaited<ReturnType<typeof without>>) =>
  runs.map(({ runKey }) => runKey.slice(0, runKey.lastIndexOf('/')))
const exactly = (cents: number) => ({ amount: { currency: 'USD', from: cents, to: cents } }) as const
const named = async ({ order }: Refund): Promise<Sought> => ({
  customer: { name: order.customerId, hash: await parts().keys.hiddenName(order.customerId) },
})

test('the index of encrypted runs has what the ledger has in the clear, and nothing else of them', async () => {
  const { rows } = await sql<{
    row: string
  }>`SELECT row_to_json(i)::text AS row FROM countersign.audit_index i`.execute(world().db)
  const text = rows.map(({ row }) => row).join('\n')
  for (const { order } of [approved, rejected]) {
    for (const value of [order.customerId, order.orderId, order.paymentId]) expect(text).not.toContain(value)
  }
  expect(rows.map(({ row }) => JSON.parse(row))).toMatchObject([
    { veiled: true, amounts: [], rules: [], workspace: 'acme', approvers: ['ben@acme.example'] },
    { veiled: true, amounts: [], rules: [], workspace: 'acme', approvers: ['ben@acme.example'] },
  ])
})

test('without keys they are found by what is in the clear, and what cannot be told is counted', async () => {
  expect(ids(await without({ state: 'refused' }))).toEqual([rejected.run.workflowId])
  expect(ids(await without({ tool: 'helpdesk.reply' }))).toEqual([approved.run.workflowId])
  expect(ids(await without({ approver: 'ben@acme.example', state: 'completed' }))).toEqual([approved.run.workflowId])
  expect(ids(await without(await named(approved)))).toEqual([approved.run.workflowId])
  expect(await without(exactly(12_000))).toMatchObject({ runs: [], unread: 2 })
  expect(await without({ ...exactly(12_000), tool: 'helpdesk.reply' })).toMatchObject({ runs: [], unread: 1 })
  // Not even by a name that is right, where nobody can hash it.
  expect(ids(await without({ customer: { name: approved.order.customerId, hash: undefined } }))).toEqual([])
})

test('with keys they are found by what they decided', async () => {
  const found = await withKeys(exactly(12_000))
  expect(ids(found)).toEqual([approved.run.workflowId])
  expect(found.unread).toBe(0)
  const [run] = found.runs
  expect(run).toMatchObject({ isVeiled: false, state: 'completed' })
  for (const rule of run?.rules ?? []) expect(ids(await withKeys({ rule }))).toContain(approved.run.workflowId)
  expect(run?.rules.length).toBeGreaterThan(0)
  expect(ids(await withKeys({ failure: 'approval_rejected' }))).toEqual([rejected.run.workflowId])
})

test('somebody who was forgotten is found no more, and what was decided about him is not read', async () => {
  const before = await named(approved)
  const erased = await erase(parts(), {
    subject: approved.order.customerId,
    reason: 'he asked for it',
    by: 'olga@acme.example',
  })
  expect(erased).toMatchObject({ came: 'erased', certificate: { runs: [{ rows: { audit_index: 1 } }] } })
  if (erased.came !== 'erased') return
  expect(ids(await withKeys(before))).toEqual([])
  expect(await withKeys(exactly(12_000))).toMatchObject({ runs: [], unread: 0 })
  const [run] = (await withKeys({ state: 'completed' })).runs
  expect(run).toMatchObject({ amounts: [], approvers: [], rules: [], erasedAt: expect.any(Date) })
  expect(run?.tools).toContain('billing.refund')
  // An index that is derived again from the archive brings nothing back.
  await sql`DELETE FROM countersign.audit_index`.execute(world().db)
  expect((await withKeys({ state: 'completed' })).runs).toEqual([{ ...run, erasedAt: expect.any(Date) }])
  const certificate: unknown = JSON.parse(JSON.stringify(erased.certificate))
  expect(await verifyCertificate(world().db, certificate)).toMatchObject({ ok: true })
  await sql`UPDATE countersign.audit_index SET approvers = ARRAY['ben@acme.example']
    WHERE run_key = ${run?.runKey}`.execute(world().db)
  expect(await verifyCertificate(world().db, certificate)).toMatchObject({
    ok: false,
    problems: [expect.stringContaining('countersign.audit_index')],
  })
})
