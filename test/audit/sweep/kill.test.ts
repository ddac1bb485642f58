import { Client, Connection } from '@temporalio/client'
import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../src/embedded/index.ts'
import { useFolder } from '../../cli/cli.ts'
import { requestFor, waitingRun } from '../../cli/waiting-run.ts'
import { useWorkerChild } from '../../cli/worker-child.ts'
import { reset, workflowTasksIn } from '../../support/history.ts'
import { query, until } from '../../support/world.ts'
import { hecServer } from '../export/hec.ts'
import { overRun, Sweepers, type Supervised, untilSealed } from './sweepers.ts'
import { isAnyTwice, leavesIn } from './sweeps.ts'

const ROUNDS = 6
const folder = useFolder()
let hec: Awaited<ReturnType<typeof hecServer>>
let postgres: PostgresServer
let temporal: Client

const startDatabase = async (port?: number): Promise<PostgresServer> =>
  await startPostgres({
    dataDir: join(folder(), 'postgres'),
    logFile: join(folder(), 'postgres.log'),
    progress: () => {},
    ...(port !== undefined && { port }),
  })

beforeAll(async () => {
  hec = await hecServer()
  await writeFile(
    join(folder(), 'exports.yaml'),
    `sinks:\n  - { name: splunk, kind: splunk_hec, url: '${hec.url}', token_env: HEC_TOKEN }\n`,
  )
  postgres = await startDatabase()
  temporal = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) })
}, 60_000)
afterAll(async () => {
  await temporal.connection.close()
  await hec[Symbol.asyncDispose]()
  await postgres.stop()
})

const child = useWorkerChild(folder, {
  env: () => ({ COUNTERSIGN_EXPORTS: join(folder(), 'exports.yaml'), HEC_TOKEN: hec.token }),
  database: async () => ({ url: postgres.url, drop: async () => undefined }),
})

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What `pg_ctl stop -m immediate` sends: nothing is finished, and the next start recovers from the log. */
async function crashDatabase(): Promise<void> {
  process.kill(postgres.pid, 'SIGQUIT')
  await pause(1_500)
  postgres = await startDatabase(postgres.port)
}

/** A run that was reset after it had been decided, and then ended; one that was rejected; one that timed out before a worker saw it. */
async function otherEnds(): Promise<readonly string[]> {
  const keyOf = async (workflowId: string, runId?: string): Promise<string> => {
    const [first] = (await temporal.workflow.getHandle(workflowId, runId).fetchHistory()).events ?? []
    return `${workflowId}/${first?.workflowExecutionStartedEventAttributes?.firstExecutionRunId ?? ''}`
  }
  const again = await waitingRun(child())
  const handle = temporal.workflow.getHandle(again.workflowId)
  const { runId } = await handle.describe()
  await reset(temporal, again.handle, workflowTasksIn((await handle.fetchHistory()).events ?? []).at(0) ?? 0, runId)
  await until('the run after the reset', async () => ((await handle.describe()).runId === runId ? undefined : true))
  await handle.terminate('over')
  const rejected = await waitingRun(child())
  const { step, actionDigest } = rejected.pending
  await rejected.handle.decide({ step, actionDigest, decision: 'reject', by: 'ben@acme.example', comment: 'no' })
  await rejected.handle.result()
  const { request } = await requestFor(child())
  const late = await temporal.workflow.start('refund_request', {
    taskQueue: child().taskQueue,
    workflowId: `late-${randomUUID()}`,
    args: [{ request }],
    workflowExecutionTimeout: 1,
    startDelay: 60_000,
  })
  await late.result().catch(() => undefined)
  return await Promise.all([keyOf(again.workflowId), keyOf(rejected.workflowId), keyOf(late.workflowId)])
}

test('killing sweepers, signer, database and SIEM at any point: no run is missing, none sealed twice, no event lost', async () => {
  const sweepers = new Sweepers(folder(), child())
  try {
    const signer = await sweepers.startSigner()
    const archive = ['--archive', pathToFileURL(join(folder(), 'archive')).href, '--health-address', 'off']
    const both: readonly Supervised[] = await Promise.all([1, 2].map(() => sweepers.startSweeper(...archive)))
    const runs: string[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round === 1) await hec.down()
      runs.push(...(await Promise.all([1, 2].map(() => overRun(child(), temporal)))))
      // The sweep begins every other second: somewhere before, in or after it.
      await pause(round * 350)
      both[round % 2]?.kill()
      if (round % 3 === 1) signer.kill()
      if (round % 3 === 2) await crashDatabase()
      if (round === 4) await hec.up()
    }
    runs.push(...(await otherEnds()))
    await untilSealed(postgres.url, runs, 120_000)
    expect(both.every(({ restarts }) => restarts >= ROUNDS / 2)).toBe(true)
    expect(signer.restarts).toBeGreaterThan(0)
    await expectWhole(runs, sweepers)
  } finally {
    await sweepers.stop(temporal)
  }
}, 400_000)

async function expectWhole(runs: readonly string[], sweepers: Sweepers): Promise<void> {
  const leaves = await leavesIn(postgres.url)
  expect([...leaves.keys()].toSorted()).toEqual([...runs].toSorted())
  expect(isAnyTwice(leaves)).toBe(false)
  const status = await child().run(['audit', 'status', '--json', '--task-queue', child().taskQueue])
  expect([status.code, JSON.parse(status.stdout)]).toMatchObject([0, { missingRuns: 0, runs: { sealed: runs.length } }])
  const { rows } = await query(postgres.url, 'SELECT event_id, run_key FROM countersign.outbox')
  const ids = rows.map(({ event_id }) => String(event_id))
  expect(new Set(ids).size).toBe(ids.length)
  const exporting = await query(postgres.url, 'SELECT run_key FROM countersign.runs')
  expect(new Set(rows.map(({ run_key }) => run_key))).toEqual(new Set(exporting.rows.map(({ run_key }) => run_key)))
  const seen = () => new Set(hec.indexed.map(({ fields }) => fields.event_id))
  await until('all events to arrive', async () => (seen().size >= ids.length ? true : undefined), 90_000)
  expect([...seen()].toSorted()).toEqual(ids.toSorted())
  // What the signer signed is the log as it is.
  await writeFile(sweepers.at('pinned'), (await child().run(['audit', 'checkpoint'])).stdout)
  await child().run(['audit', 'log', sweepers.at('log')])
  const verified = await child().run([
    'audit',
    'verify',
    sweepers.at('log'),
    '--key',
    sweepers.at('signer.pub'),
    '--checkpoint',
    sweepers.at('pinned'),
  ])
  expect([verified.code, verified.stderr]).toEqual([0, ''])
  const copy = await child().run([
    'audit',
    'bundle',
    (runs[0] ?? '').split('/')[0] ?? '',
    '--out',
    'copy.json',
    '--archive',
    pathToFileURL(join(folder(), 'archive')).href,
  ])
  expect([copy.code, copy.stderr]).toEqual([0, ''])
  expect(JSON.parse(await readFile(join(folder(), 'copy.json'), 'utf8'))).toMatchObject({ record: { runKey: runs[0] } })
}
