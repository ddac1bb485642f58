import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import type { Kysely } from 'kysely'
import { migrateRecords } from '../../activities/records/migrate.ts'
import { CountersignClient, developmentStatements, type StatementSource } from '../../src/client/index.ts'
import { developmentIssuer } from '../../src/identity/statements.ts'
import { openDatabase } from '../../src/ledger/database.ts'
import { migrateLedger } from '../../src/ledger/migrations.ts'
import { bundlePlaybooks } from '../../src/worker/bundle.ts'
import { makeCurrent } from '../../src/worker/deployment.ts'
import { migrateEntries } from './project/tools.ts'
import { seedOrders } from './orders.ts'
import { Provider } from './provider.ts'
import { Servers } from './servers.ts'
import { Slot } from './slot.ts'
import type { Sabotage } from './sabotage/sabotages.ts'
import type { WorkerParts } from './worker-process.ts'

const PROJECT = join(import.meta.dirname, 'project')
const TASK_QUEUE = 'faults'

/** A version of the playbooks, bundled once for all workers. */
interface Version {
  readonly buildId: string
  /** A file. */
  readonly bundle: string
  readonly workflows: string
}

/** What a trial works with: servers, a provider, workers behind proxies, and clients past them. */
export class Stage {
  readonly dir = mkdtempSync(join(tmpdir(), 'countersign-faults-'))
  readonly servers = new Servers(this.dir)
  readonly provider = new Provider()
  /** Signs what people say. */
  readonly statements: StatementSource = developmentStatements(developmentIssuer(this.dir))
  readonly sabotage: Sabotage | undefined
  #slots: readonly Slot[] = []
  #today: Version | undefined
  #next: Version | undefined
  #connection: Connection | undefined
  #temporal: Client | undefined

  constructor(sabotage?: Sabotage) {
    this.sabotage = sabotage
  }

  /** Starts everything but workers. `orders`: how many there are to be refunded. */
  async start(orders: number): Promise<void> {
    const [port] = await Promise.all([this.provider.start(), this.servers.start()])
    const { temporal, postgres } = this.servers
    const db = openDatabase(postgres.url, () => {})
    await migrateLedger(db)
    await migrateRecords(db as unknown as Kysely<unknown>)
    await migrateEntries(db as unknown as Kysely<unknown>)
    await db.destroy()
    await seedOrders(this.servers, orders)
    this.#today = await this.#bundled('playbooks.ts')
    this.#next = await this.#bundled('next-playbooks.ts')
    const ports = { temporal: temporal.port, database: postgres.port, provider: port }
    this.#slots = [new Slot(ports), new Slot(ports)]
    for (const slot of this.#slots) await slot.open()
    this.#connection = await Connection.connect({ address: temporal.address })
    this.#temporal = new Client({ connection: this.#connection })
    await this.makeCurrent(this.today)
  }

  get slots(): readonly Slot[] {
    return this.#slots
  }

  /** The worker that faults strike; the other one goes on, unless a fault is about both. */
  get victim(): Slot {
    return this.#slots[1] as Slot
  }

  get steady(): Slot {
    return this.#slots[0] as Slot
  }

  get today(): Version {
    return this.#today as Version
  }

  get next(): Version {
    return this.#next as Version
  }

  get temporal(): Client {
    return this.#temporal as Client
  }

  get client(): CountersignClient {
    return new CountersignClient(this.temporal, { taskQueue: TASK_QUEUE, statements: this.statements })
  }

  /** Calls with a deadline: a server that is gone must not hold an operator for ever. */
  async within<T>(ms: number, call: () => Promise<T>): Promise<T> {
    return await (this.#connection as Connection).withDeadline(Date.now() + ms, call)
  }

  async makeCurrent({ buildId }: Version): Promise<void> {
    await makeCurrent(this.#connection as Connection, 'default', { deployment: TASK_QUEUE, buildId })
  }

  /** What a worker in a slot is made of. */
  partsOf(slot: Slot, version = this.today): WorkerParts {
    const database = new URL(this.servers.postgres.url)
    database.port = String(slot.links.database.port)
    return {
      ...version,
      temporal: `127.0.0.1:${slot.links.temporal.port}`,
      database: database.href,
      provider: `http://127.0.0.1:${slot.links.provider.port}`,
      taskQueue: TASK_QUEUE,
      policies: join(PROJECT, 'policies'),
      keyFile: join(this.dir, 'host-key.pem'),
      connections: 10,
    }
  }

  /** Has a plain worker poll in every slot, whatever became of the last one. */
  async man(): Promise<void> {
    for (const slot of this.#slots) {
      await slot.heal()
      if (!slot.isPlain) await slot.replace(this.partsOf(slot), this.workerOptions())
    }
  }

  /** What every worker is started with. */
  workerOptions(failpoints?: string) {
    const { preload = [] } = this.sabotage ?? {}
    return { preload, ...(failpoints === undefined ? {} : { failpoints }) }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.close()))
    await this.#connection?.close()
    await this.provider.stop()
    await this.servers.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }

  async #bundled(file: string): Promise<Version> {
    const workflows = join(PROJECT, file)
    const made = await bundlePlaybooks(workflows)
    const { code } = made.bundle
    const bundle = join(this.dir, `${made.buildId}.json`)
    writeFileSync(bundle, JSON.stringify({ ...made.bundle, code: this.sabotage?.kernel?.(code) ?? code }))
    return { buildId: made.buildId, bundle, workflows }
  }
}
