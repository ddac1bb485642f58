import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { addDataSubjects } from '../../src/ledger/data-subjects.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { startRefund } from '../support/refunds.ts'
import { query, until, useWorld } from '../support/world.ts'
import { environmentSecrets } from '../../src/privacy/secrets.ts'
import { startInforming, useClub } from './club.ts'
import { testMasterKeys } from './keys.ts'
import { foundIn, ledgerBytes } from './searched.ts'

const masterKeys = testMasterKeys()
const secrets = [environmentSecrets({ COUNTERSIGN_SECRET_CLUB_KEY: 'the-club-key' })]
const club = useClub({ masterKeys, secrets })
const refunds = useWorld({ masterKeys: testMasterKeys() })
const plain = useClub({ secrets })

const rowsOf = (url: string, workflowId: string) =>
  query(url, 'SELECT subject_hash, namespace, run_key FROM countersign.data_subjects WHERE workflow_id = $1', [
    workflowId,
  ])

test('whom request, input and output are about is written down once a run, by keyed hashes', async () => {
  const email = `${randomUUID()}@mail.example`
  const run = await club.start({ email })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  const keys = ledgerDataKeys(club.world().db, masterKeys)
  const hashes = await Promise.all([email, `mem-of-${email}`, 'agent-7'].map((name) => keys.hiddenName(name)))
  const { rows } = await rowsOf(club.world().databaseUrl, run.workflowId)
  expect(rows.map(({ subject_hash }) => String(subject_hash)).toSorted()).toEqual(hashes.toSorted())
  expect(new Set(rows.map(({ namespace }) => namespace))).toEqual(new Set(['default']))
  for (const { run_key } of rows) expect(run_key).toMatch(new RegExp(`^${run.workflowId}/`))
  for (const [table, bytes] of await ledgerBytes(club.world().db)) {
    expect([table, foundIn(bytes, { email, member: `mem-of-${email}` })]).toEqual([table, []])
  }
})

test('the runs of one customer are found by him, and those of others are not', async () => {
  const [one, other] = await Promise.all([startRefund(refunds()), startRefund(refunds())])
  await Promise.all([one.run.outcome(), other.run.outcome()])
  const rows = (await rowsOf(refunds().databaseUrl, one.run.workflowId)).rows
  const others = (await rowsOf(refunds().databaseUrl, other.run.workflowId)).rows
  expect([rows.length, others.length]).toEqual([1, 1])
  expect(rows[0]?.['subject_hash']).not.toBe(others[0]?.['subject_hash'])
})

test('the same again changes nothing', async () => {
  const row = { subjectHash: 'a'.repeat(64), namespace: 'default', workflowId: 'w', runKey: 'w/1' }
  await addDataSubjects(club.world().db, [row])
  await addDataSubjects(club.world().db, [row, row])
  expect((await rowsOf(club.world().databaseUrl, 'w')).rows).toHaveLength(1)
})

test('without keys nothing is written', async () => {
  const run = await plain.start({})
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect((await rowsOf(plain.world().databaseUrl, run.workflowId)).rows).toEqual([])
})

// Last: it takes the table away for a while.
test('while it cannot be written down, no tool is called, and the run goes on once it can', async () => {
  const { databaseUrl } = club.world()
  club.seen.length = 0
  club.wrote.length = 0
  await query(databaseUrl, 'ALTER TABLE countersign.data_subjects RENAME TO away')
  const run = await startInforming(club.world(), {})
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect([club.seen, club.wrote]).toEqual([[], []])
  await query(databaseUrl, 'ALTER TABLE countersign.away RENAME TO data_subjects')
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(club.wrote).toHaveLength(1)
  await until('the rows', async () => {
    const { rows } = await rowsOf(databaseUrl, run.workflowId)
    return rows.length === 3 ? rows : undefined
  })
})
