import { Client, Connection } from '@temporalio/client'
import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, inject } from 'vitest'
import { migrateRecords } from '../../activities/records/migrate.ts'
import { seedRecords } from '../../activities/records/seed.ts'
import { type ClientOptions, CountersignClient, developmentStatements } from '../../src/client/index.ts'
import { developmentIssuer } from '../../src/identity/statements.ts'
import { openDatabase } from '../../src/ledger/database.ts'
import { freshDatabase, type TestDatabase } from '../support/world.ts'
import { join } from 'node:path'
import { type Background, countersign, inBackground, type Ran } from './cli.ts'

/** A worker of the CLI on its own database and task queue. */
export interface WorkerChild {
  readonly worker: Background
  readonly databaseUrl: string
  readonly taskQueue: string
  readonly client: CountersignClient
  /** The same on another client of Temporal. */
  readonly clientOn: (temporal: Client, more?: ClientOptions) => CountersignClient
  readonly env: Readonly<Record<string, string>>
  /** Runs a command against the same servers. */
  readonly run: (args: readonly string[], stdin?: string) => Promise<Ran>
}

/** Sets up a database with `countersign setup`, fills it, and starts `countersign worker`; SIGTERM ends it. */
export function useWorkerChild(
  folder: () => string,
  more: {
    readonly args?: readonly string[]
    readonly env?: () => Readonly<Record<string, string>>
    /** Default: a fresh one on the server of all tests. */
    readonly database?: () => Promise<TestDatabase>
  } = {},
): () => WorkerChild {
  let child: WorkerChild | undefined
  const closing: (() => Promise<void>)[] = []
  beforeAll(async () => {
    const database = await (more.database ?? freshDatabase)()
    closing.push(database.drop)
    const env = { TEMPORAL_ADDRESS: inject('temporalAddress'), DATABASE_URL: database.url, ...more.env?.() }
    const cwd = folder()
    const taskQueue = `cli-${randomUUID()}`
    const args = ['--task-queue', taskQueue, ...(more.args ?? [])]
    const setup = await countersign(['setup', ...args], { env, cwd })
    if (setup.code !== 0) throw new Error(setup.stderr)
    const db = openDatabase(database.url, () => {})
    await migrateRecords(db as unknown as Kysely<unknown>)
    await seedRecords(db as unknown as Kysely<unknown>)
    await db.destroy()
    const worker = inBackground(['worker', '--development', ...args], { env, cwd })
    // The last thing that it says at its start.
    await worker.says(' of deployment ')
    const connection = await Connection.connect({ address: env.TEMPORAL_ADDRESS })
    closing.push(() => connection.close())
    const statements = developmentStatements(developmentIssuer(join(cwd, '.countersign')))
    const clientOn: WorkerChild['clientOn'] = (temporal, options) =>
      new CountersignClient(temporal, { taskQueue, statements, ...options })
    const client = clientOn(new Client({ connection }))
    const run = (command: readonly string[], stdin = '') => countersign(command, { env, cwd, stdin })
    child = { worker, databaseUrl: database.url, taskQueue, client, clientOn, env, run }
  })
  afterAll(async () => {
    child?.worker.signal('SIGTERM')
    await child?.worker.ended
    for (const close of closing.toReversed()) await close()
  })
  return () => {
    if (child === undefined) throw new Error('the worker was not started')
    return child
  }
}
