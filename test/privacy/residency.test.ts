import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reconcileId } from '../../src/audit/sweep.ts'
import { databaseName, readWorkspaces, Residency, type Workspaces } from '../../src/privacy/residency.ts'
import { approvalOf, pendingOf, shownResult, startRefund } from '../support/refunds.ts'
import { useWorld } from '../support/world.ts'

/** `acme` is at home here, `zoo` in another database. */
const homes: { current?: Workspaces } = {}
const world = useWorld({
  workspaces: ({ taskQueue, database }) =>
    (homes.current = {
      homes: new Map([
        ['acme', { namespace: 'default', taskQueue, database }],
        ['zoo', { namespace: 'default', taskQueue, database: 'db.zoo.example:5432/ledger' }],
        ['lab', { namespace: 'lab', taskQueue, database }],
      ]),
      others: 'refuse',
    }),
})

test('a run of a workspace that is at home here is opened and done', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide(approvalOf(await pendingOf(run)))
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
})

test.each([
  ['zoo', 'the workspace `zoo` is at home in the database `db.zoo.example:5432/ledger`'],
  ['lab', 'the workspace `lab` is at home in the namespace `lab`'],
  ['nobody', 'the workspace `nobody` is at home nowhere'],
])('a run of the workspace %s is not opened here, and does nothing', async (workspace, message) => {
  const { run, order } = await startRefund(world(), { principal: { subject: 'ana@acme.example', workspace } })
  expect(await run.result()).toMatchObject({
    state: 'failed',
    because: { code: 'workspace_elsewhere', message: expect.stringContaining(message) },
  })
  expect(await world().refunded(order.paymentId)).toBe(0)
  const rows = await world()
    .db.selectFrom('countersign.runs')
    .select('run_key')
    .where('workflow_id', '=', run.workflowId)
    .execute()
  expect(rows).toEqual([])
})

test('an audit from elsewhere does not read a run', async () => {
  const { run } = await startRefund(world())
  await shownResult(run)
  const sides = { client: world().temporal, db: world().db }
  const here = new Residency(homes.current as Workspaces, { namespace: 'default', taskQueue: world().taskQueue })
  expect(await reconcileId({ ...sides, residency: here }, run.workflowId)).toMatchObject([{ findings: [] }])
  const elsewhere = here.at({ database: 'db.zoo.example:5432/ledger' })
  await expect(reconcileId({ ...sides, residency: elsewhere }, run.workflowId)).rejects.toMatchObject({
    type: 'workspace_elsewhere',
  })
})

test('the file is read strictly, and names of databases are compared with their ports', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'workspaces-')), 'workspaces.yaml')
  const read = (text: string) => {
    writeFileSync(file, text)
    return readWorkspaces(file)
  }
  const whole = 'workspaces:\n  acme: { namespace: eu, task_queue: q, database: DB.eu.example/ledger }\n'
  const here = { namespace: 'eu', taskQueue: 'q', database: databaseName('postgres://me:secret@db.eu.example/ledger') }
  expect(here.database).toBe('db.eu.example:5432/ledger')
  expect(new Residency(read(whole), here).isHome('acme')).toBe(true)
  expect(new Residency(read(whole), { ...here, database: 'db.eu.example:5433/ledger' }).isHome('acme')).toBe(false)
  expect(new Residency(read(`${whole}others: anywhere\n`), here).isHome('zoo')).toBe(true)
  expect(new Residency(read(whole), here).isHome(null)).toBe(false)
  for (const text of [
    '',
    'workspaces: {acme: {namespace: eu}}',
    `${whole}more: 1`,
    whole.replace('DB.eu', 'me:pw@DB'),
  ]) {
    expect(() => read(text)).toThrow('workspaces.yaml')
  }
})
