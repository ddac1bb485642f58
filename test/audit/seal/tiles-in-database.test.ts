import { sql } from 'kysely'
import pMap from 'p-map'
import { expect, test } from 'vitest'
import { appendSeal, logSize, treeOf } from '../../../src/audit/seal/log.ts'
import { logLeaf, type SealedRun } from '../../../src/audit/seal/bundle.ts'
import { rootOf, sameHash, subtreesOf } from '../../../src/audit/seal/merkle.ts'
import { digestOf } from '../../../src/contract/digest.ts'
import { openDatabase } from '../../../src/ledger/database.ts'
import { migrateLedger } from '../../../src/ledger/migrations.ts'
import { sampleDatabase } from '../../support/world.ts'

const EXECUTION = { runId: 'first', began: '2026-11-27T11:00:00.000Z', closed: null }

const sealed = (at: number): SealedRun =>
  ({
    record: { runKey: `run-${at}/first`, state: 'completed', executions: [EXECUTION], entries: [] },
    envelope: { payload: Buffer.from(String(at)).toString('base64'), payloadType: 'x', signatures: [] },
  }) as unknown as SealedRun

test('runs that are sealed side by side get leaves without a gap, and tiles of all of them', async () => {
  const database = await sampleDatabase()
  const db = openDatabase(database.url, () => {})
  try {
    await migrateLedger(db)
    const count = 600
    const runs = Array.from({ length: count }, (_, at) => sealed(at))
    const append = (run: SealedRun) => appendSeal(db, run, { stateDigest: digestOf(run.envelope), before: null })
    const came = await pMap([...runs, ...runs.slice(0, 50)], append, { concurrency: 10 })
    expect(came.filter((one) => one.came === 'added')).toHaveLength(count)
    expect(came.filter((one) => one.came === 'already')).toHaveLength(50)
    expect(await logSize(db)).toBe(count)
    const { rows } = await sql<{ digest: string; hash: Buffer }>`
      SELECT envelope_digest AS digest, hash FROM countersign.log_leaves ORDER BY index`.execute(db)
    expect(new Set(rows.map(({ hash }) => hash.toString('hex')))).toEqual(
      new Set(runs.map(({ envelope }) => Buffer.from(logLeaf(envelope)).toString('hex'))),
    )
    const { root } = await treeOf(db, count)
    expect(sameHash(root, await rootOf(subtreesOf(rows.map(({ hash }) => hash)), count))).toBe(true)
    const { rows: tiles } = await sql<{ level: number }>`SELECT level FROM countersign.log_tiles`.execute(db)
    expect(tiles).toHaveLength(2)
    expect((await appendSeal(db, sealed(3), { stateDigest: digestOf('later'), before: null })).came).toBe('moved')
  } finally {
    await db.destroy()
    await database.drop()
  }
})
