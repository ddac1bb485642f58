import { readFileSync } from 'node:fs'
import { Client, Connection } from '@temporalio/client'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { copyName } from '../../../src/audit/archive/copies.ts'
import { useFolder } from '../../cli/cli.ts'
import { useWorkerChild } from '../../cli/worker-child.ts'
import { query, until } from '../../support/world.ts'
import { Sweepers, overRun, untilSealed } from './sweepers.ts'
import { isAnyTwice, leavesIn } from './sweeps.ts'

const folder = useFolder()
const child = useWorkerChild(folder)
let sweepers: Sweepers
let temporal: Client
beforeAll(async () => {
  sweepers = new Sweepers(folder(), child())
  await sweepers.startSigner()
  temporal = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) })
}, 60_000)
afterAll(async () => {
  await sweepers.stop(temporal)
  await temporal.connection.close()
})

const archive = () => join(folder(), 'archive')

test('runs that are over are sealed and copied as Temporal orders it; sweeps that were missed are caught up', async () => {
  const before = await overRun(child(), temporal)
  const one = await sweepers.startSweeper('--archive', pathToFileURL(archive()).href, '--health-address', '127.0.0.1:0')
  await untilSealed(child().databaseUrl, [before])
  const copy = await until('the copy', () =>
    readFile(join(archive(), copyName(before, 0)), 'utf8').catch(() => undefined),
  )
  const bundle = await child().run(['audit', 'bundle', before.slice(0, before.lastIndexOf('/')), '--out', 'b.json'])
  expect([bundle.code, JSON.parse(copy).record]).toEqual([
    0,
    JSON.parse(await readFile(join(folder(), 'b.json'), 'utf8')).record,
  ])
  const url = /http:\/\/\S+/.exec(one.stderr())?.[0] ?? ''
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toContain('countersign_sweep_runs_total{came="sealed"} 1')
  expect(metrics).toContain('countersign_sweep_oldest_unsealed_seconds 0')
  const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'operating.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `(countersign_sweep_\w+)` \| (\w+) \|/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  )
  const served = [...metrics.matchAll(/^# TYPE (countersign_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
  expect(documented.toSorted()).toEqual(served.toSorted())
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  expect(await one.stop()).toBe(0)
  const missed = [await overRun(child(), temporal), await overRun(child(), temporal)]
  // Two of them: they share the work, and the schedule is one.
  await Promise.all([sweepers.startSweeper(), sweepers.startSweeper()])
  await untilSealed(child().databaseUrl, missed)
  const leaves = await leavesIn(child().databaseUrl)
  expect([...leaves.keys()].toSorted()).toEqual([before, ...missed].toSorted())
  expect(isAnyTwice(leaves)).toBe(false)
}, 120_000)

test('sweeps are no runs: they stand on a queue of their own, and their histories hold nothing of a run', async () => {
  const { taskQueue } = child()
  const sweeps = temporal.workflow.list({ query: `TaskQueue = '${taskQueue}.sweep'` })
  const { value: found } = await sweeps[Symbol.asyncIterator]().next()
  expect(found?.type).toBe('countersignSweep')
  const handle = temporal.workflow.getHandle(found?.workflowId ?? '', found?.runId)
  const history = JSON.stringify(await handle.fetchHistory())
  const leaves = await leavesIn(child().databaseUrl)
  for (const runKey of leaves.keys()) expect(history).not.toContain(runKey.split('/')[0])
  const { rows } = await query(
    child().databaseUrl,
    "SELECT run_key FROM countersign.sweep_runs WHERE run_key LIKE '%sweep-%'",
  )
  expect(rows.filter(({ run_key }) => String(run_key).startsWith('countersign-sweep'))).toEqual([])
  expect((await child().run(['list'])).stdout).not.toContain('countersignSweep')
})
