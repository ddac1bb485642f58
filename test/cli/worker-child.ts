import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, inject } from 'vitest'
import { seedRecords } from '../../activities/records/seed.ts'
import { openDatabase } from '../../src/ledger/database.ts'
import { freshDatabase } from '../support/world.ts'
import { type Background, countersign, inBackground, type Ran } from './cli.ts'

/** A worker of the CLI on its own database and task queue. */
export interface WorkerChild {
  readonly worker: Background
  readonly databaseUrl: string
  readonly taskQueue: string
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** Runs a command against the same servers. */
  readonly run: (args: readonly string[], stdin?: string) => Promise<Ran>
}

/** Sets up a database with `countersign setup`, fills it, and starts `countersign worker`; SIGTERM ends it. */
export function useWorkerChild(
  folder: () => string,
  more: { readonly args?: readonly string[]; readonly env?: () => Readonly<Record<string, string>> } = {},
): () => WorkerChild {
  let child: WorkerChild | undefined
  let drop: (() => Promise<void>) | undefined
  beforeAll(async () => {
    const database = await freshDatabase()
    drop = database.drop
    const env = { TEMPORAL_ADDRESS: inject('temporalAddress'), DATABASE_URL: database.url, ...more.env?.() }
    const cwd = folder()
    const setup = await countersign(['setup'], { env, cwd })
    if (setup.code !== 0) throw new Error(setup.stderr)
    const db = openDatabase(database.url)
    await seedRecords(db as unknown as Kysely<unknown>)
    await db.destroy()
    const taskQueue = `cli-${randomUUID()}`
    const worker = inBackground(['worker', '--task-queue', taskQueue, ...(more.args ?? [])], { env, cwd })
    await worker.says('ready')
    const run = (args: readonly string[], stdin = '') => countersign(args, { env, cwd, stdin })
    child = { worker, databaseUrl: database.url, taskQueue, folder: cwd, env, run }
  })
  afterAll(async () => {
    child?.worker.signal('SIGTERM')
    await child?.worker.ended
    await drop?.()
  })
  return () => {
    if (child === undefined) throw new Error('the worker was not started')
    return child
  }
}
