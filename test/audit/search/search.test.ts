import { beforeAll, expect, test } from 'vitest'
import { recordOfRun } from '../../../src/audit/record/record-of-run.ts'
import { search, totalsOf } from '../../../src/audit/search/search.ts'
import { indexed } from '../../../src/audit/search/indexed.ts'
import { archived } from '../../../src/audit/seal/log.ts'
import { usd } from '../../../src/contract/money.ts'
import { putIndexed, type Sought } from '../../../src/ledger/audit-index.ts'
import { eraseWorkflow } from '../../../src/privacy/erase-workflow.ts'
import { Residency } from '../../../src/privacy/residency.ts'
import { standingIn } from '../../../src/privacy/standing.ts'
import { withoutWindow } from '../../privacy/erasing.ts'
import { useChangedPolicies } from '../../support/own-policies.ts'
import { approvalOf, pendingOf, type Refund, startRefund } from '../../support/refunds.ts'
import { query, until } from '../../support/world.ts'
import { newSealKey, signerWith } from '../seal/log-of.ts'
import { runKeyIn } from '../seal/runs.ts'
import { sealed } from './sealing.ts'

const world = useChangedPolicies(withoutWindow)
let signer: Awaited<ReturnType<typeof signerWith>>
const refunds: Record<string, Refund> = {}

/** A run that was allowed, one that ben approved, one that he rejected, one that was denied, and one that waits. */
beforeAll(async () => {
  signer = await signerWith(newSealKey())
  const start = async (name: string, of: Parameters<typeof startRefund>[1]) => {
    const refund = await startRefund(world(), of)
    refunds[name] = refund
    return refund.run
  }
  await (await start('allowed', {})).result()
  const approved = await start('approved', { amountCents: 12_000 })
  const pending = await pendingOf(approved)
  // As it waits, and once more as it ended.
  await sealed(world(), approved, signer)
  await approved.decide(approvalOf(pending))
  await approved.result()
  const rejected = await start('rejected', { amountCents: 15_000 })
  await rejected.decide({ ...approvalOf(await pendingOf(rejected)), decision: 'reject', comment: 'no photo' })
  await rejected.result()
  await (await start('denied', { message: 'This is fraud. Give me $20.00.' })).result()
  await pendingOf(await start('waiting', { amountCents: 30_000 }))
  for (const { run } of Object.values(refunds)) await sealed(world(), run, signer)
}, 60_000)

const nameOf = (runKey: string): string =>
  Object.entries(refunds).find(([, { run }]) => runKey.startsWith(`${run.workflowId}/`))?.[0] ?? runKey

const found = (sought: Sought) => search({ db: world().db }, sought, { limit: 100 })
const names = async (sought: Sought) => (await found(sought)).runs.map(({ runKey }) => nameOf(runKey)).toSorted()
const inDollars = (from: number | null, to: number | null) => ({ currency: 'USD', from, to }) as const

test('sealed runs are found by what was done and decided in them, and by who decided', async () => {
  expect(await names({})).toEqual(['allowed', 'approved', 'denied', 'rejected', 'waiting'])
  expect(await names({ state: 'refused' })).toEqual(['denied', 'rejected'])
  expect(await names({ state: 'running' })).toEqual(['waiting'])
  expect(await names({ tool: 'helpdesk.reply' })).toEqual(['allowed', 'approved'])
  expect(await names({ approver: 'ben@acme.example' })).toEqual(['approved', 'rejected'])
  expect(await names({ failure: 'approval_rejected' })).toEqual(['rejected'])
  expect(await names({ amount: inDollars(12_000, 15_000) })).toEqual(['approved', 'rejected'])
  expect(await names({ amount: inDollars(12_001, null) })).toEqual(['rejected'])
  expect(await names({ amount: { currency: 'EUR', from: null, to: null } })).toEqual([])
  expect(await names({ playbook: 'refund_request', workspace: 'acme', amount: inDollars(null, 12_000) })).toContain(
    'approved',
  )
  expect(await names({ playbook: 'support_request' })).toEqual([])
  expect(await names({ workspace: 'other' })).toEqual([])
  expect(await names({ approver: 'ben@acme.example', state: 'refused', tool: 'helpdesk.reply' })).toEqual([])
})

test('a rule finds the runs in which it matched', async () => {
  const { runs } = await found({})
  const rules = runs.find(({ runKey }) => nameOf(runKey) === 'approved')?.rules ?? []
  expect(rules.length).toBeGreaterThan(0)
  for (const rule of rules) {
    const expected = runs.filter((run) => run.rules.includes(rule)).map(({ runKey }) => nameOf(runKey))
    expect(await names({ rule })).toEqual(expected.toSorted())
  }
  expect(await names({ rule: 'requires_approval_if' })).toEqual([])
})

test('a customer finds the runs whose record names him, and no part of a name does', async () => {
  const { customerId } = refunds['approved']?.order ?? { customerId: '' }
  expect(await names({ customer: { name: customerId, hash: undefined } })).toEqual(['approved'])
  expect(await names({ customer: { name: customerId.slice(0, -1), hash: undefined } })).toEqual([])
  expect(await names({ customer: { name: '%', hash: undefined } })).toEqual([])
})

test('only the newest seal of a run counts, and is told', async () => {
  const runKey = await runKeyIn(world(), (refunds['approved'] as Refund).run)
  const { rows } = await query(
    world().databaseUrl,
    'SELECT max(index) AS leaf, count(*)::integer AS seals FROM countersign.log_leaves WHERE run_key = $1',
    [runKey],
  )
  const [run] = (await found({ approver: 'ben@acme.example', state: 'completed' })).runs
  expect(rows[0]?.['seals']).toBe(2)
  expect(run).toMatchObject({ runKey, leaf: rows[0]?.['leaf'], isVeiled: false, erasedAt: null })
  expect(run?.amounts).toContainEqual({
    step: 'billing.refund-1',
    fact: 'refund_amount_usd',
    currency: 'USD',
    cents: 12_000,
  })
})

test('pages follow one another, each run once', async () => {
  const all = (await found({})).runs.map(({ runKey }) => runKey)
  const told: string[] = []
  for (let after: Awaited<ReturnType<typeof found>>['next'] | undefined; after !== null;) {
    const page = await search({ db: world().db }, {}, { limit: 2, after })
    told.push(...page.runs.map(({ runKey }) => runKey))
    after = page.next
  }
  expect(told).toEqual(all)
  const began = (await found({})).runs.map((run) => Date.parse(run.began))
  expect(began).toEqual(began.toSorted((a, b) => b - a))
  const second = new Date(began[1] ?? 0)
  expect((await found({ since: second })).runs).toHaveLength(2)
  expect((await found({ until: second })).runs).toHaveLength(3)
})

test('what is missing in the index comes back out of the archive', async () => {
  const before = await found({})
  await query(world().databaseUrl, 'DELETE FROM countersign.audit_index')
  expect(await found({})).toEqual(before)
  await query(world().databaseUrl, 'UPDATE countersign.audit_index SET version = 0, state = $1', ['altered'])
  expect(await found({})).toEqual(before)
})

test.each([
  ['a zero character', 'a\0b'],
  ['a long text', 'a\u{1F600}'.repeat(50_000)],
])(
  'what the database does not take as a name is not searched by, and keeps nothing from being sealed: %s',
  async (_, name) => {
    const { db } = world()
    const [run] = (await found({ approver: 'ben@acme.example', state: 'completed' })).runs
    const { record } = (await archived(db, run?.leaf ?? 0)) ?? {}
    if (run === undefined || record === undefined) throw new Error('it was not sealed')
    const says = { tool: name, because: { code: name }, matches: [{ rule: name }], facts: { [name]: { ...usd(1) } } }
    const more = record.entries.flatMap((entry) => [entry, { ...entry, step: name, by: name, says }])
    await db
      .transaction()
      .execute((tx) => putIndexed(tx, run.leaf, indexed({ ...record, playbook: name, state: name, entries: more })))
    const [again] = (await found({ approver: 'ben@acme.example', state: 'unknown' })).runs
    expect(again).toEqual({ ...run, playbook: null, state: 'unknown' })
    await query(world().databaseUrl, 'DELETE FROM countersign.audit_index')
  },
)

test('a run that is at home elsewhere is counted, and not told', async () => {
  const homes = new Map([['acme', { namespace: 'eu', taskQueue: 'eu', database: 'db.eu:5432/ledger' }]])
  const residency = new Residency({ homes, others: 'refuse' }, { database: 'db.us:5432/ledger' })
  expect(await search({ db: world().db, residency }, {}, { limit: 10 })).toMatchObject({ runs: [], elsewhere: 5 })
})

test('totals are by state, and by fact and currency', async () => {
  const { runs } = await found({ approver: 'ben@acme.example' })
  expect(totalsOf(runs)).toMatchObject({
    runs: 2,
    states: { completed: 1, refused: 1 },
    amounts: expect.arrayContaining([{ fact: 'refund_amount_usd', currency: 'USD', cents: 27_000 }]),
  })
})

/** A Temporal that has forgotten everything. */
const emptied = {
  workflow: {
    getHandle: () => ({ fetchHistory: () => Promise.reject(Object.assign(new Error('gone'), { code: 5 })) }),
    list: async function* () {},
  },
} as never

test('a run that is erased is found by nothing personal any more, not even once it is sealed or indexed again', async () => {
  const { run, order } = refunds['rejected'] as Refund
  const { db, temporal } = world()
  await until(`${run.workflowId} to be closed`, async () =>
    (await temporal.workflow.getHandle(run.workflowId).describe()).status.name === 'RUNNING' ? undefined : true,
  )
  const parts = { db, standingOf: standingIn(temporal, 'default') }
  const workflow = { namespace: 'default', workflowId: run.workflowId }
  expect(await eraseWorkflow(parts, workflow, { erasureId: null, why: 'its time is over' })).toMatchObject({
    came: 'erased',
  })
  for (const again of [false, true]) {
    if (again) await query(world().databaseUrl, 'DELETE FROM countersign.audit_index')
    expect(await names({ approver: 'ben@acme.example' })).toEqual(['approved'])
    expect(await names({ amount: inDollars(15_000, 15_000) })).toEqual([])
    expect(await names({ customer: { name: order.customerId, hash: undefined } })).toEqual([])
    expect(await names({ state: 'refused' })).toEqual(['denied', 'rejected'])
  }
  // Nothing keeps its histories from being read but that nobody does.
  const archivedOf = async (of: Refund) =>
    await recordOfRun({ client: emptied, db }, 'default', await runKeyIn(world(), of.run))
  expect(await archivedOf(refunds['rejected'] as Refund)).toBeUndefined()
  expect(await archivedOf(refunds['approved'] as Refund)).toMatchObject({ record: { state: 'completed' } })
  const [told] = (await found({ failure: 'approval_rejected' })).runs
  expect(told).toMatchObject({ amounts: [], approvers: [], erasedAt: expect.any(Date) })
})
