import type { KyselyPlugin } from 'kysely'
import pMap from 'p-map'
import { expect, test } from 'vitest'
import { folderStore } from '../../../src/audit/archive/folder.ts'
import { eventsOf } from '../../../src/audit/export/event.ts'
import { gather } from '../../../src/audit/sealing/gather.ts'
import { archived, latestCheckpoint, logSize, sealsOf } from '../../../src/audit/seal/log.ts'
import type { RunKey } from '../../../src/contract/evidence.ts'
import { startRefund } from '../../support/refunds.ts'
import { query, useWorld } from '../../support/world.ts'
import { newFolder, newSealKey, signerWith } from '../seal/log-of.ts'
import { runKeyIn } from '../seal/runs.ts'
import { isAnyTwice, leavesIn, standingOf, sweepOnce, untilClosed } from './sweeps.ts'

const world = useWorld()
const RUNS = 60

/** From its so-and-so-manieth query on, nothing gets to the database: a transaction that is under way is taken back, as it is of a process that died. */
function diesAt(last: number): KyselyPlugin {
  let queries = 0
  return {
    transformQuery({ node }) {
      queries += 1
      if (queries >= last) throw new Error('it died')
      return node
    },
    transformResult: async ({ result }) => result,
  }
}

test('a sweep that dies at any of its queries leaves nothing that the next one does not finish, and nothing twice', async () => {
  const signer = await signerWith(newSealKey())
  const store = folderStore(newFolder())
  const runs = await pMap(
    Array.from({ length: RUNS }),
    async () => {
      const { run } = await startRefund(world(), { message: 'This is fraud. Give me $20.00.' })
      await run.result()
      return await runKeyIn(world(), run)
    },
    { concurrency: 6 },
  )
  await untilClosed(world(), RUNS)
  const sql = (text: string) => query(world().databaseUrl, text)
  await gather({ client: world().temporal, db: world().db, namespace: 'default', taskQueue: world().taskQueue })
  await sql("UPDATE countersign.sweep_runs SET next_at = 'infinity'")
  let died = 0
  for (const [at, runKey] of runs.entries()) {
    // As if it had closed just now.
    await sql(`DELETE FROM countersign.sweep_executions WHERE run_key = '${runKey}'`)
    await sql(`DELETE FROM countersign.sweep_runs WHERE run_key = '${runKey}'`)
    const db = world().db.withPlugin(diesAt(at + 1))
    const isUp = () => Promise.reject(new Error('it died'))
    const why = await sweepOnce(world(), signer, { db, store, isUp }).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    expect([undefined, 'it died']).toContain(why)
    if (why !== undefined) await sweepOnce(world(), signer, { store })
    await expectWhole(runKey)
    if (why === undefined) break
    died += 1
  }
  expect(died).toBeGreaterThan(25)
  expect(died).toBeLessThan(RUNS)
  expect(isAnyTwice(await leavesIn(world().databaseUrl))).toBe(false)
}, 120_000)

async function expectWhole(runKey: RunKey): Promise<void> {
  const { db, databaseUrl } = world()
  const seals = await sealsOf(db, runKey)
  expect(seals).toHaveLength(1)
  const size = await logSize(db)
  expect((await latestCheckpoint(db))?.size).toBe(size)
  expect((await standingOf(databaseUrl))[runKey]).toBe('sealed')
  const record = (await archived(db, seals[0]?.index ?? 0))?.record
  if (record === undefined) throw new Error('it is not in the archive')
  const { rows } = await query(
    databaseUrl,
    `SELECT event_id FROM countersign.outbox WHERE run_key = '${runKey}' ORDER BY id`,
  )
  expect(rows.map(({ event_id }) => event_id)).toEqual(eventsOf(record, 'evidence').map(({ id }) => id))
  const copies = await query(databaseUrl, 'SELECT count(*) AS n FROM countersign.archive_copies')
  expect(Number(copies.rows[0]?.['n'])).toBe(size)
}
