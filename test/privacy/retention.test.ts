import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { liftHold, placeHold } from '../../src/ledger/holds.ts'
import { Retention } from '../../src/privacy/retention.ts'
import { verifyCertificate } from '../../src/privacy/verify-certificate.ts'
import { approvalOf, pendingOf, type Refund, shownResult, startRefund } from '../support/refunds.ts'
import { useTimeSkipping } from '../support/time-skipping.ts'
import { SHIPPED_POLICIES, startWorld, type World } from '../support/world.ts'
import { isClosed, partsOf, rowsOf } from './erasing.ts'
import { testMasterKeys } from './keys.ts'

const RETAIN = '\ndata: {retain_days: 30}\n'
const environment = useTimeSkipping()
const masterKeys = testMasterKeys()
let folder = ''
let world: World

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
  await cp(SHIPPED_POLICIES, folder, { recursive: true })
  for (const name of ['refund-request.yaml', 'support-request.yaml']) {
    const file = join(folder, name)
    await writeFile(file, `${await readFile(file, 'utf8')}${RETAIN}`)
  }
  world = await startWorld({ environment: environment(), masterKeys, policies: folder })
})
afterAll(async () => {
  await world.stop()
  await rm(folder, { recursive: true })
})

const now = async () => new Date(await environment().currentTimeMs())
const retention = (longestDays: number | null = 30) =>
  new Retention({
    ...partsOf(world, masterKeys),
    namespace: 'default',
    longestDays: () => Promise.resolve(longestDays),
    now,
  })

/** A refund that is done; its undo window is open. */
async function doneRefund(): Promise<Refund> {
  const refund = await startRefund(world, { amountCents: 12_000 })
  await refund.run.decide(approvalOf(await pendingOf(refund.run)))
  await shownResult(refund.run)
  return refund
}

test('what is past its time is deleted and proved; what is held, open or not due yet is not', async () => {
  const due = await doneRefund()
  const held = await doneRefund()
  const before = await rowsOf(world, due.run.workflowId)
  // Within the undo window, whatever the clock of the sweep says.
  const later = new Date((await now()).getTime() + 400 * 86_400_000)
  const early = new Retention({
    ...partsOf(world, masterKeys),
    namespace: 'default',
    longestDays: () => Promise.resolve(null),
    now: () => later,
  })
  expect(await early.sweep()).toMatchObject({ runs: 0, certificate: null })
  expect(await rowsOf(world, due.run.workflowId)).toBe(before)

  await environment().sleep('1 hour')
  await isClosed(world, due)
  await isClosed(world, held)
  await environment().sleep('29 days')
  expect(await retention().sweep()).toMatchObject({ runs: 0, certificate: null })
  // What was noted is when it closed, and nothing else.
  const noted = (text: string) => text.replaceAll(/"closed_at":(null|"[^"]+")/g, '')
  expect(noted(await rowsOf(world, due.run.workflowId))).toBe(noted(before))

  const open = await startRefund(world, { amountCents: 12_000 })
  await pendingOf(open.run)
  const said = { by: 'counsel', reason: 'a law suit' }
  const { hold } = await placeHold(world.db, { scope: 'run', name: held.run.workflowId }, said)
  await environment().sleep('1 day')
  const heldBefore = noted(await rowsOf(world, held.run.workflowId))
  const openBefore = await rowsOf(world, open.run.workflowId)
  await world.db
    .insertInto('countersign.refused_stops')
    .values({ kind: 'stop', scope: 'tool', name: 'x', reason: 'old', subject: null, code: 'c', message: 'm' })
    .execute()
  const swept = await retention().sweep()
  expect(swept).toMatchObject({ runs: 1, held: 1 })
  expect(swept.certificate).toMatchObject({
    kind: 'retention',
    runs: [{ encrypted: true, rows: { runs: 1, effects: 2, statements: 2 } }],
  })
  expect(noted(await rowsOf(world, held.run.workflowId))).toBe(heldBefore)
  expect(await rowsOf(world, open.run.workflowId)).toBe(openBefore)
  expect(await open.run.status()).toMatchObject({ state: 'blocked' })
  const after = await rowsOf(world, due.run.workflowId)
  expect(after).not.toContain('"nonce"')
  expect(after).toContain('"wrapped":null')
  // Older than the longest of the policies by the clock of the server.
  const { rows: stops } = await sql`SELECT name FROM countersign.refused_stops`.execute(world.db)
  expect(stops).toEqual([])
  expect(await verifyCertificate(world.db, JSON.parse(JSON.stringify(swept.certificate)))).toMatchObject({ ok: true })
  // What was done stays done.
  expect(await world.refunded(due.order.paymentId)).toBe(12_000)

  await liftHold(world.db, hold.id, said)
  expect(await retention(null).sweep()).toMatchObject({ runs: 1, held: 0 })
  expect(await retention(null).sweep()).toMatchObject({ runs: 0, certificate: null })
})

test('a worker sweeps by itself, and of several one at a time', async () => {
  const parts = partsOf(world, masterKeys)
  let swept = 0
  const watched = () =>
    new Retention({
      ...parts,
      namespace: 'default',
      longestDays: () => Promise.resolve(null),
      told: () => void (swept += 1),
    }).watch(400)
  const ends = [watched(), watched(), watched()]
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  for (const end of ends) end()
  expect(swept).toBeGreaterThanOrEqual(1)
  expect(swept).toBeLessThanOrEqual(4)
})
