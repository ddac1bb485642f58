import { Client, Connection } from '@temporalio/client'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { DefaultLogger, NativeConnection, Runtime, type Worker } from '@temporalio/worker'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'
import { sampleThoughts, sampleTools } from '../../activities/index.ts'
import { CountersignClient, type StatementSource } from '../../src/client/index.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { type LedgerDatabase, openDatabase } from '../../src/ledger/database.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { encryptedDataConverter } from '../../src/privacy/encrypted.ts'
import type { MasterKeys } from '../../src/privacy/master-keys.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import type { Thinker, ToolImplementation } from '../../src/tools/implementation.ts'
import { makeCurrent } from '../../src/worker/deployment.ts'
import type { ExportsConfig } from '../../src/audit/export/config.ts'
import type { NotifyConfig } from '../../src/notify/config.ts'
import type { Observer } from '../../src/worker/observer.ts'
import { databaseName, type Workspaces } from '../../src/privacy/residency.ts'
import type { SecretSource } from '../../src/privacy/secrets.ts'
import { createWorker, type WorkerSettings } from '../../src/worker/worker.ts'
import { bundleOf } from './bundles.ts'
import { issuer, statements } from './people.ts'

const root = join(import.meta.dirname, '..', '..')
export const SHIPPED_WORKFLOWS = join(root, 'workflows', 'index.ts')
export const SHIPPED_POLICIES = join(root, 'policies')

export interface WorldOptions {
  /** Default: the shipped ones. */
  readonly workflows?: string
  readonly policies?: string
  readonly tools?: readonly ToolImplementation[]
  readonly thinker?: Thinker
  readonly policyRefreshMs?: number
  readonly observer?: Observer
  /** Whom to tell of questions. Default: nobody. */
  readonly notify?: NotifyConfig
  /** Where audit records are exported to. Default: nowhere. */
  readonly exports?: ExportsConfig
  /** Where references to secrets are looked up. Default: as the environment says. */
  readonly secrets?: readonly SecretSource[]
  /** With which all is encrypted, by workers and clients. Default: all stands in the clear. */
  readonly masterKeys?: MasterKeys
  /** Where workspaces are at home; the database of the world is told when it is there. Default: nowhere. */
  readonly workspaces?: (here: { readonly taskQueue: string; readonly database: string }) => Workspaces
  readonly retention?: WorkerSettings['retention']
  /** Whether statements of the development issuer are refused. Default: they are taken. */
  readonly isProduction?: boolean
  /** Address of a dev server of one's own. */
  readonly address?: () => string
  /** Default: the dev server of all tests. A time-skipping one is for waits of days. */
  readonly environment?: TestWorkflowEnvironment
}

/** A worker that polls. */
export interface TestWorker {
  readonly buildId: string
  /** Safe to call twice. */
  stop(): Promise<void>
}

/** A worker on its own task queue and its own database, and a client to it. */
export interface World {
  readonly worker: TestWorker
  /** Starts another worker beside it, on the same task queue and database; of the same code where none is named. */
  startWorker(other?: Pick<WorldOptions, 'workflows' | 'thinker'>): Promise<TestWorker>
  readonly client: CountersignClient
  /** Signs for whomever a test names. */
  readonly statements: StatementSource
  readonly temporal: Client
  readonly db: LedgerDatabase
  readonly databaseUrl: string
  readonly taskQueue: string
  readonly key: ReturnType<typeof hostKeyOf>
  /** Money given back on a payment, as billing has it: pending and settled refunds that were not voided. */
  refunded(paymentId: string): Promise<number>
  count(table: 'refunds' | 'replies', where?: string): Promise<number>
  stop(): Promise<void>
}

// What a worker tells of its life is noise between test results.
Runtime.install({ logger: new DefaultLogger('ERROR') })

export interface TestDatabase {
  readonly url: string
  readonly drop: () => Promise<void>
}

/** A database of its own, with nothing in it. */
export const freshDatabase = (): Promise<TestDatabase> => databaseLike('template1')

/** A database of its own, migrated and seeded. */
export const sampleDatabase = (): Promise<TestDatabase> => databaseLike(inject('sampleDatabase'))

async function databaseLike(template: string): Promise<TestDatabase> {
  const name = `t_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client({ connectionString: inject('databaseUrl') })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  const url = new URL(inject('databaseUrl'))
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: async () => {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await admin.end()
    },
  }
}

async function runToTheEnd(worker: Worker, connection: NativeConnection): Promise<void> {
  try {
    await worker.run()
  } finally {
    await connection.close()
  }
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const database = await sampleDatabase()
  const db = openDatabase(database.url, () => {})
  const { environment } = options
  const address = environment?.address ?? options.address?.() ?? inject('temporalAddress')
  const taskQueue = `queue-${randomUUID()}`
  const key = hostKeyOf(newHostKey())
  const workers: TestWorker[] = []
  const workspaces = options.workspaces?.({ taskQueue, database: databaseName(database.url) })
  const startWorker: World['startWorker'] = async (other) => {
    const workflows = await bundleOf(other?.workflows ?? options.workflows ?? SHIPPED_WORKFLOWS)
    // Two workers of one build are not let onto one connection.
    const native = await NativeConnection.connect({ address })
    const worker: Worker = await createWorker({
      connection: native,
      taskQueue,
      workflows,
      tools: options.tools ?? sampleTools,
      thinker: other?.thinker ?? options.thinker ?? createThinker({ deterministic: sampleThoughts, env: {} }),
      policies: options.policies ?? SHIPPED_POLICIES,
      db,
      key,
      ...(options.isProduction === true ? {} : { development: issuer }),
      shutdownGraceMs: 500,
      ...(options.notify && { notify: options.notify }),
      ...(options.exports && { exports: options.exports }),
      ...(options.masterKeys && { masterKeys: options.masterKeys }),
      ...(options.secrets && { secrets: options.secrets }),
      ...(workspaces && { residency: { workspaces, database: databaseName(database.url) } }),
      ...(options.retention && { retention: options.retention }),
      ...(options.policyRefreshMs !== undefined && { policyRefreshMs: options.policyRefreshMs }),
      ...(options.observer && { observer: options.observer }),
    })
    const running = runToTheEnd(worker, native)
    const stop = async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown()
      await running
    }
    const started = { buildId: workflows.buildId, stop }
    workers.push(started)
    return started
  }
  const first = await startWorker()
  const connection = await Connection.connect({ address })
  // The time-skipping server knows no versions, and gives every worker work.
  if (environment === undefined) {
    await makeCurrent(connection, 'default', { deployment: taskQueue, buildId: first.buildId })
  }
  const { masterKeys } = options
  const keys = masterKeys && ledgerDataKeys(db, masterKeys)
  // The client of a time-skipping server skips time, and has no keys.
  const temporal =
    keys === undefined && environment !== undefined
      ? environment.client
      : new Client({ connection, ...(keys && { dataConverter: encryptedDataConverter(keys) }) })
  return {
    worker: first,
    startWorker,
    client: new CountersignClient(temporal, { taskQueue, statements, ...(keys && { keys }) }),
    statements,
    temporal,
    db,
    databaseUrl: database.url,
    taskQueue,
    key,
    async refunded(paymentId) {
      const { rows } = await query(
        database.url,
        `SELECT coalesce(sum(amount_cents), 0) AS cents FROM records.refunds
         WHERE payment_id = $1 AND status <> 'voided'`,
        [paymentId],
      )
      return Number(rows[0]?.cents)
    },
    async count(table, where = 'true') {
      const { rows } = await query(database.url, `SELECT count(*) AS n FROM records.${table} WHERE ${where}`)
      return Number(rows[0]?.n)
    },
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()))
      await connection.close()
      await db.destroy()
      await database.drop()
    },
  }
}

/** One query on its own connection. */
export async function query(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query<Record<string, unknown>>(text, [...values])
  } finally {
    await client.end()
  }
}

/** A world for a test file: started before its tests, stopped after them. */
export function useWorld(options: WorldOptions = {}): () => World {
  let world: World | undefined
  beforeAll(async () => {
    world = await startWorld(options)
  })
  afterAll(async () => {
    await world?.stop()
  })
  return () => {
    if (world === undefined) throw new Error('the world was not started')
    return world
  }
}

/** Waits until a condition holds, looking every 50 ms for at most 20 s; says what it waited for. */
export async function until<T>(what: string, look: () => Promise<T | undefined>, timeoutMs = 45_000): Promise<T> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
