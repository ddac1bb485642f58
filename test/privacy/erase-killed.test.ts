import { sql } from 'kysely'
import { expect, inject, test } from 'vitest'
import { erase } from '../../src/privacy/erase.ts'
import { localMasterKeys, withNewMasterKey } from '../../src/privacy/master-keys.ts'
import { Retention } from '../../src/privacy/retention.ts'
import { verifyCertificate } from '../../src/privacy/verify-certificate.ts'
import { countersign, inBackground, useFolder } from '../cli/cli.ts'
import { useChangedPolicies } from '../support/own-policies.ts'
import { until } from '../support/world.ts'
import { closedRefund, partsOf, rowsOf, withoutWindow } from './erasing.ts'

const text = JSON.stringify(withNewMasterKey(undefined))
const masterKeys = localMasterKeys(text)
const world = useChangedPolicies(withoutWindow, { masterKeys })
const folder = useFolder()
const options = () => ({
  cwd: folder(),
  env: {
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    DATABASE_URL: world().databaseUrl,
    COUNTERSIGN_MASTER_KEYS: text,
  },
})

/** Two closed runs about the same person, and one about somebody else. */
async function runsOfOne() {
  const [first, second, other] = [await closedRefund(world()), await closedRefund(world()), await closedRefund(world())]
  const { db } = world()
  const { order } = first
  const subjectHash = await partsOf(world(), masterKeys).keys.hiddenName(order.customerId)
  await sql`INSERT INTO countersign.data_subjects (subject_hash, namespace, workflow_id, run_key)
    SELECT ${subjectHash}, 'default', workflow_id, run_key FROM countersign.runs
    WHERE workflow_id = ${second.run.workflowId}`.execute(db)
  return { customer: order.customerId, ids: [first.run.workflowId, second.run.workflowId], other: other.run.workflowId }
}

/** Kills a process that writes to this table at the moment when it does, and what it left in the database with it. */
async function killedAt(table: string, args: readonly string[]): Promise<void> {
  const { db } = world()
  await sql
    .raw(
      `CREATE FUNCTION countersign.stalls() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
      CREATE TRIGGER stalls AFTER INSERT OR UPDATE ON countersign.${table} FOR EACH ROW EXECUTE FUNCTION countersign.stalls()`,
    )
    .execute(db)
  const killed = inBackground(args, options())
  const pid = await until(`something to be written to ${table}`, async () => {
    const { rows } = await sql<{ pid: number }>`
      SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`.execute(db)
    return rows[0]?.pid
  })
  killed.signal('SIGKILL')
  await killed.ended
  await sql`SELECT pg_terminate_backend(${pid})`.execute(db)
  await sql.raw('DROP FUNCTION countersign.stalls() CASCADE').execute(db)
}

test.each([
  ['as a key is destroyed', 'data_keys', 'command'],
  ['in the middle of a run', 'erased_runs', 'sweep'],
  ['before it states anything', 'certificates', 'command'],
])('killed %s, it is gone on with: all once, one certificate, nobody else', async (_, table, how) => {
  const { customer, ids, other } = await runsOfOne()
  const before = await rowsOf(world(), other)
  const args = ['erase', '--subject', customer, '--reason', 'he asked for it']
  await killedAt(table, args)

  const parts = { ...partsOf(world(), masterKeys), namespace: 'default', longestDays: () => Promise.resolve(null) }
  const erasures = how === 'sweep' ? (await new Retention(parts).sweep()).erasures : 1
  expect(erasures).toBe(1)
  const done = await countersign(args, options())
  expect(done).toMatchObject({ code: 0 })
  const certificate = JSON.parse(done.stdout) as { readonly erasure: string; readonly runs: readonly Certified[] }
  expect(new Set(certificate.runs.map(({ runKey }) => runKey.split('/')[0]))).toEqual(new Set(ids))
  expect(certificate.runs).toHaveLength(2)
  for (const { keys } of certificate.runs) expect(keys).toHaveLength(1)
  expect(await verifyCertificate(world().db, certificate)).toMatchObject({ ok: true })
  for (const id of ids) expect(await rowsOf(world(), id)).toContain('"wrapped":null')
  expect(await rowsOf(world(), other)).toBe(before)
  // Asked again it has nothing to add.
  const again = await erase(partsOf(world(), masterKeys), { subject: customer, reason: 'again', by: 'olga' })
  expect(again).toMatchObject({ came: 'erased', certificate })
  const { rows } = await sql`
    SELECT 1 FROM countersign.certificates WHERE erasure_id = ${certificate.erasure}`.execute(world().db)
  expect(rows).toHaveLength(1)
})

interface Certified {
  readonly runKey: string
  readonly keys: readonly string[]
}
