import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Warrant } from '../../src/contract/action.ts'
import type { Digest } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { codeOf } from '../../src/contract/failures.ts'
import { usd } from '../../src/contract/money.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { type LedgerDatabase, openDatabase } from '../../src/ledger/database.ts'
import { spentWithin } from '../../src/ledger/limits.ts'
import { storePolicy } from '../../src/ledger/policies.ts'
import { insertRun } from '../../src/ledger/runs.ts'
import type { LedgerTables } from '../../src/ledger/tables.ts'
import { PLAIN } from '../../src/privacy/sealed.ts'
import type { Policy, WindowLimit } from '../../src/policy/types.ts'
import type { WriteImplementation } from '../../src/tools/implementation.ts'
import { countsOf } from '../../src/worker/limits.ts'
import { executeOnce } from '../../src/worker/writes.ts'
import { put } from '../kernel/contracts.ts'
import { putting, runOf } from '../worker/ledger-case.ts'
import { sampleDatabase } from '../support/world.ts'

const RACES = 504
const SIDE_BY_SIDE = 12
const key = hostKeyOf(newHostKey())

let db: LedgerDatabase
let drop: () => Promise<void>
let url: string
beforeAll(async () => {
  const fresh = await sampleDatabase()
  drop = fresh.drop
  url = fresh.url
  db = openDatabase(url, () => {}, { max: 2 * SIDE_BY_SIDE })
  const { policyDigest: digest } = runOf(runKeyOf('any', 'run'))
  await storePolicy(db, { digest, workflow: 'boxes', text: 'none' })
})
afterAll(async () => {
  await db.destroy()
  await drop()
})

const limit = (measure: WindowLimit['measure']): WindowLimit => ({
  id: 'limits.dear',
  tool: put.name,
  per: 'workspace',
  windowMinutes: 60,
  ...(measure.kind === 'sum' ? { of: 'price_usd' } : {}),
  measure,
  onReached: 'deny',
})
const LIMITS = [
  { limit: limit({ kind: 'sum', most: 20_000 }), before: [10_000, 5_000], each: 5_000 },
  { limit: limit({ kind: 'count', most: 1 }), before: [], each: 5_000 },
] as const
const KINDS = ['transaction', 'key'] as const

/** Puts something for so much in a workspace, as a run of its own: what it comes to. */
async function putFor(cents: number, workspace: string, run: string, race: number): Promise<string> {
  const { limit: limited } = LIMITS[race % LIMITS.length] ?? LIMITS[0]
  const idempotency = KINDS[Math.floor(race / 2) % KINDS.length] ?? 'key'
  const runKey = runKeyOf(`${workspace}-${run}`, 'run')
  const principal = { ...runOf(runKey).principal, workspace }
  await insertRun(db, { ...runOf(runKey), principal })
  const step = { ...putting('box.put-1'), runKey }
  const how = {
    contract: { ...put, idempotency },
    execute: async () => ({ item: 'cat', number: 1 }),
  } as unknown as WriteImplementation
  const warrant = {
    ...step,
    principal,
    expect: {},
    facts: { price_usd: usd(cents) },
    evidence: [],
  } as unknown as Warrant
  const counts = countsOf({ limits: [limited] } as unknown as Policy, put, step.input, warrant, {
    workflowType: 'boxes',
    principal,
  })
  return await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') })
    .run(() =>
      executeOnce(
        { db, key, principal, sealer: PLAIN },
        how,
        { raw: step.input, parsed: step.input },
        warrant,
        null,
        counts,
      ),
    )
    .then(
      () => 'done',
      (error: unknown) => codeOf(error) ?? String(error),
    )
}

test(
  `of two runs that race for the last of a limit exactly one passes, ${RACES} times`,
  { timeout: 120_000 },
  async () => {
    const answers: string[] = []
    const races = Array.from({ length: RACES }, (_, race) => race)
    const runner = async (): Promise<void> => {
      for (let race = races.shift(); race !== undefined; race = races.shift()) {
        const { before, each } = LIMITS[race % LIMITS.length] ?? LIMITS[0]
        const workspace = `w${race}`
        for (const [at, cents] of before.entries()) {
          expect(await putFor(cents, workspace, `before-${at}`, race)).toBe('done')
        }
        const both = await Promise.all(['a', 'b'].map((run) => putFor(each, workspace, run, race)))
        answers.push(both.toSorted().join(', '))
      }
    }
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, runner))
    expect(answers).toHaveLength(RACES)
    expect(new Set(answers)).toEqual(new Set(['done, limit_reached']))
    // And so says the ledger: what stands of a workspace, and that whoever came second claimed nothing.
    const { rows } = await sql<{ effects: string; n: string }>`
    SELECT effects, count(*) AS n FROM (
      SELECT r.principal->>'workspace' AS workspace, count(*) || ' ' || min(e.state) || ' ' || coalesce(sum(c.cents), 0) AS effects
      FROM countersign.effects e JOIN countersign.runs r USING (run_key)
      LEFT JOIN countersign.counts c USING (run_key, step) GROUP BY workspace) AS each
    GROUP BY effects ORDER BY effects`.execute(db)
    expect(rows).toEqual([
      { effects: '1 done 0', n: String(RACES / 2) },
      { effects: '3 done 20000', n: String(RACES / 2) },
    ])
  },
)

test('the window of a subject is found by its index among 100,000 counted effects', async () => {
  const runKey = runKeyOf('many', 'run')
  await insertRun(db, runOf(runKey))
  await sql`
    INSERT INTO countersign.effects (run_key, step, tool, state, input, input_digest)
    SELECT ${runKey}, 'box.put-' || n, 'box.put', 'done', '{}', 'none' FROM generate_series(1, 100000) AS n`.execute(db)
  await sql`
    INSERT INTO countersign.counts (run_key, step, counted, cents, counted_at)
    SELECT ${runKey}, 'box.put-' || n, 'sha256:' || encode(sha256(('subject ' || n % 2000)::bytea), 'hex'), 1000,
      now() - make_interval(mins => n / 50) FROM generate_series(1, 100000) AS n`.execute(db)
  await sql`ANALYZE countersign.effects, countersign.counts`.execute(db)
  const asked: { readonly sql: string; readonly parameters: readonly unknown[] }[] = []
  const pool = new pg.Pool({ connectionString: url })
  // The database is dropped while its connections still end.
  pool.on('connect', (client) => client.on('error', () => {}))
  const logged = new Kysely<LedgerTables>({
    dialect: new PostgresDialect({ pool }),
    log: ({ query }) => void asked.push(query),
  })
  const { rows } = await sql<{ counted: Digest }>`SELECT counted FROM countersign.counts
    WHERE run_key = ${runKey} AND step = 'box.put-1'`.execute(db)
  const counted = rows[0]?.counted as Digest
  // 50 of each subject, evenly over 2,000 minutes.
  expect(await spentWithin(logged, counted, 1_000, { runKey, step: 'none' })).toEqual({ effects: 25, cents: 25_000 })
  const [{ sql: text, parameters } = { sql: '', parameters: [] }] = asked
  const explained = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ANALYZE ${text}`, [...parameters])
  const plan = explained.rows.map((row) => row['QUERY PLAN']).join('\n')
  expect(plan).toContain('counts_within')
  expect(plan).not.toContain('Seq Scan')
  await logged.destroy()
})
