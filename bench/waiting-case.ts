import { setTimeout as delay } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import { CountersignClient, developmentStatements } from '../src/client/index.ts'
import { developmentIssuer } from '../src/identity/statements.ts'
import { since } from './batch.ts'
import { blockRuns } from './blocked.ts'
import { type Decided, decideAll } from './deciding.ts'
import { cpuOf } from './cpu.ts'
import { residentMb } from './memory.ts'
import { startServers } from './servers.ts'
import { type Effects, effectsIn, untilClosed, untilListed } from './settled.ts'
import { type Cpu, policiesOf } from './stage.ts'
import { startWorker } from './worker-process.ts'

/** What so many runs cost that wait for people, and what became of them. */
export interface WaitingCase {
  readonly runs: number
  readonly inFlight: number
  readonly maxCachedWorkflows: number
  /** First start to last run blocked. */
  readonly blockedMs: number
  /** From the kill until another worker polls. */
  readonly restartMs: number
  readonly decided: Omit<Decided, 'sentAt'>
  /** Decision sent to run closed, in ascending order. */
  readonly outcomesMs: readonly number[]
  /** First decision sent to last run closed. */
  readonly doneMs: number
  /** Runs that did not complete. */
  readonly lost: number
  readonly effects: Effects
  /** Resident megabytes: when nothing runs yet, when all runs are blocked, after the restart, when all are done. */
  readonly workerMb: readonly [idle: number, blocked: number, restarted: number, done: number]
  readonly serverMb: readonly [idle: number, blocked: number, restarted: number, done: number]
  /** CPU time from the first decision until all are done, in milliseconds. */
  readonly cpu: Cpu
}

const CENTS = 12_000

/**
 * On servers of its own: has so many runs wait for an approval, kills the worker, starts it again and approves all of
 * them, with so many decisions on their way at once. The rest between the two is longer than ten seconds when Temporal
 * is not to wait any more for the dead worker.
 */
export async function runWaiting(
  runs: number,
  { inFlight, restMs }: { readonly inFlight: number; readonly restMs: number },
): Promise<WaitingCase> {
  const servers = await startServers(runs)
  const { temporal: server, postgres, db } = servers
  const newWorker = () =>
    startWorker({
      kind: 'governed',
      address: server.address,
      database: postgres.url,
      queue: 'waiting',
      policies: policiesOf(0),
      issuer: servers.dir,
    })
  let worker = await newWorker()
  const connection = await Connection.connect({ address: server.address })
  try {
    const temporal = new Client({ connection })
    const statements = developmentStatements(developmentIssuer(servers.dir))
    const client = new CountersignClient(temporal, { taskQueue: worker.taskQueue, statements })
    const { maxCachedWorkflows = Number.NaN } = worker
    const memory = () => [residentMb(worker.pid), residentMb(server.pid)] as const
    const idle = memory()

    const began = performance.now()
    const asked = await blockRuns(client, worker, runs)
    // A run that has asked is blocked for good only once Temporal knows it: what it asks again has another digest.
    await untilListed(temporal, "CountersignState = 'blocked'", runs)
    const blockedMs = performance.now() - began
    const blocked = memory()

    const killed = performance.now()
    await worker.kill()
    worker = await newWorker()
    const restartMs = performance.now() - killed
    const restarted = memory()

    await delay(restMs)
    const cpu = (): Cpu => {
      const { user, system } = process.cpuUsage()
      const others = cpuOf({ server: server.pid, worker: worker.pid, database: postgres.pid })
      return { ...others, driver: (user + system) / 1000 }
    }
    const before = cpu()
    const { sentAt, ...decided } = await decideAll(connection, asked, { inFlight, statements })
    const closedAt = await untilClosed(temporal, runs)
    const after = cpu()
    const done = memory()
    const outcomesMs = [...closedAt].map(([id, at]) => at - (sentAt.get(id) ?? Number.NaN))
    return {
      runs,
      inFlight,
      maxCachedWorkflows,
      blockedMs,
      restartMs,
      decided,
      outcomesMs: outcomesMs.toSorted((a, b) => a - b),
      doneMs: Math.max(...closedAt.values()) - Math.min(...sentAt.values()),
      lost: runs - closedAt.size,
      effects: await effectsIn(db),
      cpu: since(before, after),
      workerMb: [idle[0], blocked[0], restarted[0], done[0]],
      serverMb: [idle[1], blocked[1], restarted[1], done[1]],
    }
  } finally {
    await connection.close()
    await worker.stop()
    await servers.stop()
  }
}

/** What is wrong with how it ended, in words; empty when each run was decided once and has paid once. */
export function wrongWith({ runs, inFlight, decided, lost, effects }: WaitingCase): readonly string[] {
  const { refunds, paymentsRefunded, cents, replies, done, notDone } = effects
  const wanted: readonly (readonly [string, number, number])[] = [
    ['acknowledged', decided.acknowledged, runs],
    ['runs lost', lost, 0],
    ['refunds', refunds, runs],
    ['refunds of one payment twice', refunds - paymentsRefunded, 0],
    ['cents refunded', cents, CENTS * runs],
    ['replies', replies, runs],
    ['effects done in the ledger', done, 2 * runs],
    ['effects not done in the ledger', notDone, 0],
    ['decisions on their way beyond the cap', Math.max(0, decided.mostInFlight - inFlight), 0],
  ]
  return wanted.filter(([, is, should]) => is !== should).map(([what, is, should]) => `${what}: ${is}, not ${should}`)
}
