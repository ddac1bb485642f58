import type { Kysely } from 'kysely'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migrateRecords } from '../../activities/records/migrate.ts'
import { seedRecords } from '../../activities/records/seed.ts'
import { SEARCH_ATTRIBUTES } from '../../src/contract/wire.ts'
import { startPostgres, startTemporal, temporalCli } from '../../src/embedded/index.ts'
import { openDatabase } from '../../src/ledger/database.ts'
import { migrateLedger } from '../../src/ledger/migrations.ts'

declare module 'vitest' {
  interface ProvidedContext {
    temporalAddress: string
    temporalCli: string
    databaseUrl: string
    /** The name of a database to copy: migrated and seeded, and nobody is connected to it. */
    sampleDatabase: string
    /** A folder of this run for what is bundled. */
    bundles: string
  }
}

/** Room for a deployment of each test file, and what is drained is found to be so at once and not in some minutes. */
const DYNAMIC_CONFIG = [
  'matching.maxDeployments=10000',
  'matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"',
  'matching.wv.VersionDrainageStatusRefreshInterval="1s"',
]

const SAMPLE = 'sample'

/** Makes the database that tests copy, and spares the disk: what this PostgreSQL holds need not outlive the machine. */
async function prepare(postgresUrl: string): Promise<void> {
  const admin = new pg.Client({ connectionString: postgresUrl })
  await admin.connect()
  await admin.query('ALTER SYSTEM SET fsync = off')
  await admin.query('SELECT pg_reload_conf()')
  await admin.query(`CREATE DATABASE ${SAMPLE}`)
  await admin.end()
  const url = new URL(postgresUrl)
  url.pathname = `/${SAMPLE}`
  const db = openDatabase(url.href, () => {})
  await migrateLedger(db)
  const records = db as unknown as Kysely<unknown>
  await migrateRecords(records)
  await seedRecords(records)
  await db.destroy()
}

/** One Temporal dev server and one PostgreSQL for all test files; each file makes its own database and task queue. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-tests-'))
  const bundles = join(dir, 'bundles')
  await mkdir(bundles)
  const executable = await temporalCli()
  const [temporal, postgres] = await Promise.all([
    startTemporal({
      executable,
      headless: true,
      dynamicConfig: DYNAMIC_CONFIG,
      searchAttributes: Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => ({
        name,
        type: type === 'INT' ? 'Int' : 'Keyword',
      })),
    }),
    startPostgres({ dataDir: join(dir, 'postgres') }),
  ])
  await prepare(postgres.url)
  project.provide('temporalAddress', temporal.address)
  project.provide('temporalCli', executable)
  project.provide('databaseUrl', postgres.url)
  project.provide('sampleDatabase', SAMPLE)
  project.provide('bundles', bundles)
  return async () => {
    await Promise.all([temporal.stop(), postgres.stop()])
    await rm(dir, { recursive: true, force: true })
  }
}
