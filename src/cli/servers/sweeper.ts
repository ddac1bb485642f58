import { Client, type Connection } from '@temporalio/client'
import { NativeConnection, type Worker } from '@temporalio/worker'
import { sql } from 'kysely'
import type { SweptRun } from '../../audit/sealing/partition.ts'
import type { RemoteSigner } from '../../audit/seal/signer-http.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { readPlaybooks } from '../../worker/registry.ts'
import { serveHealth } from '../../worker/health-server.ts'
import { readinessOf } from '../../worker/readiness.ts'
import { createSweeper } from '../../worker/sweeper.ts'
import { type SweeperMetrics, sweeperMetrics } from '../../worker/sweeper-metrics.ts'
import { scheduleSweeps } from '../../worker/sweep-schedule.ts'
import type { SweeperOptions } from '../commands/audit-sweeper.ts'
import { storeFrom } from '../archive-copies.ts'
import { connectClient, connectDatabase, unreachable } from '../connect.ts'
import { quietRuntime } from '../host.ts'
import { findDataKeys } from '../master-keys.ts'
import { loadProject } from '../project.ts'
import { assertLedger } from '../ledger-schema.ts'
import { withSigner } from '../seal-options.ts'
import { Closing, listenForStop, type Stopping } from '../stopping.ts'
import { plain, say } from '../terminal.ts'
import { findDatabase, findTemporal, withoutPassword } from '../where.ts'
import { refused } from '../worker-health.ts'
import { residencyAt } from '../workspaces.ts'

const CLOSE_MS = 20_000
/** Each of what it works on at once, and what it tells of itself. */
const CONNECTIONS = 10

/** Sweeps until SIGTERM or SIGINT. */
export async function runSweeper(options: SweeperOptions): Promise<void> {
  const { stateDir, taskQueue, every: everyMs, partitions } = options
  const store = options.archive === undefined ? undefined : storeFrom(options.archive)
  const { project } = await loadProject(options.config)
  const stopping = listenForStop('the sweeper stops')
  await withSigner(options, async ({ signer, witnesses }) => {
    const closing = new Closing()
    try {
      const place = await findTemporal(stateDir)
      const { address, namespace, options: more } = place
      const database = await findDatabase(stateDir)
      const db = await connectDatabase(database, { max: CONNECTIONS })
      closing.add(() => db.destroy())
      await assertLedger(db)
      const connection = await connectClient(place)
      closing.add(() => connection.close())
      quietRuntime('WARN')
      const native = await NativeConnection.connect({ address, ...more }).catch((error: unknown) => {
        throw unreachable(place, error)
      })
      closing.add(() => native.close())
      // Histories are sealed as they are stored, and what orders sweeps holds nothing: only what is exported is read with data keys.
      const client = new Client({ connection, namespace })
      const metrics = sweeperMetrics(db, { namespace, taskQueue })
      const isUp = upOf(db, connection, signer)
      const worker = await createSweeper({
        connection: native,
        client,
        db,
        namespace,
        taskQueue,
        signer,
        witnesses,
        store,
        contracts: await readPlaybooks(project.workflows),
        keys: await findDataKeys(db, options),
        residency: residencyAt({ namespace, taskQueue, databaseUrl: database.url }),
        isUp,
        told: (runKey, came, why) => tell(metrics, runKey, came, why),
        troubled: (what) => say(plain(`the sweep is kept from going on: ${what}`)),
      })
      closing.add(await serveSweeper(options, { metrics, worker, stopping, isUp }))
      const scheduleId = await scheduleSweeps(client, taskQueue, { everyMs, partitions })
      const ended = worker.run()
      // Whoever waits for it hears of a failure; before that it must not end the process.
      ended.catch(() => undefined)
      closing.add(async () => {
        if (worker.getState() === 'RUNNING') worker.shutdown()
        await ended
      })
      say(`ready  sweeper of the task queue ${plain(taskQueue)}, schedule ${plain(scheduleId)}, ${partitions} parts`)
      say(
        `       database ${withoutPassword(database.url)}, log ${plain(signer.origin)}, copies ${store?.url ?? 'nowhere'}`,
      )
      await Promise.race([stopping.asked, ended])
    } finally {
      await closing.closeWithin(CLOSE_MS)
    }
  })
}

const upOf = (db: LedgerDatabase, connection: Connection, signer: RemoteSigner) => async (): Promise<void> => {
  await sql`SELECT 1`.execute(db)
  await connection.workflowService.getSystemInfo({})
  await signer.isUp()
}

function tell(metrics: SweeperMetrics, runKey: string, came: SweptRun, why: string | null): void {
  metrics.swept(came)
  if (came === 'sealed') return
  say(plain(`${came}: ${runKey}${why === null ? '' : `: ${why}`}`))
}

async function serveSweeper(
  { healthAddress }: SweeperOptions,
  {
    metrics,
    worker,
    stopping,
    isUp,
  }: {
    readonly metrics: SweeperMetrics
    readonly worker: Worker
    readonly stopping: Stopping
    readonly isUp: () => Promise<void>
  },
): Promise<() => Promise<void>> {
  if (healthAddress === null) return async () => undefined
  const look = async () => {
    await isUp()
    return { ok: true, what: 'signer, Temporal and ledger answer' }
  }
  const readiness = readinessOf([{ name: 'sweeper', look }])
  const server = await serveHealth(healthAddress, {
    phase() {
      if (stopping.isAsked()) return 'draining'
      const state = worker.getState()
      return state === 'INITIALIZED' ? 'starting' : state === 'RUNNING' ? 'running' : 'failed'
    },
    readiness,
    metrics: metrics.text,
  }).catch(refused(healthAddress))
  say(`       health and metrics at http://${server.address}`)
  return server.close
}
