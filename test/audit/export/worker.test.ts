import { NativeConnection } from '@temporalio/worker'
import { cpSync, mkdtempSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, inject, test } from 'vitest'
import { sampleThoughts, sampleTools } from '../../../activities/index.ts'
import { developmentExports, type ExportsConfig } from '../../../src/audit/export/config.ts'
import { failureOf } from '../../../src/contract/failures.ts'
import { createThinker } from '../../../src/tools/models/thinker.ts'
import type { PolicyStanding } from '../../../src/worker/observer.ts'
import { prometheusOf } from '../../../src/worker/prometheus.ts'
import { createWorker } from '../../../src/worker/worker.ts'
import { countersign } from '../../cli/cli.ts'
import { bundleOf } from '../../support/bundles.ts'
import { startRefund } from '../../support/refunds.ts'
import { SHIPPED_POLICIES, SHIPPED_WORKFLOWS, until, useWorld } from '../../support/world.ts'
import { openDatabase } from '../../../src/ledger/database.ts'

const folder = mkdtempSync(join(tmpdir(), 'countersign-exporting-'))
const policies = join(folder, 'policies')
cpSync(SHIPPED_POLICIES, policies, { recursive: true })
afterAll(() => rm(folder, { recursive: true }))

const file = join(folder, 'audit.jsonl')
const splunkToFile: ExportsConfig = {
  sinks: [{ name: 'splunk', targets: ['splunk'], form: 'ocsf', kind: 'file', path: file, rotateBytes: 1e9 }],
  keepDays: 7,
}

const told: PolicyStanding[] = []
const metrics = prometheusOf()
const production = useWorld({
  isProduction: true,
  exports: splunkToFile,
  policies,
  policyRefreshMs: 50,
  observer: { policies: (standing) => void told.push(standing) },
})
const developed = useWorld({
  exports: developmentExports(join(folder, 'development.jsonl')),
  observer: metrics.observer,
})

const refusalOf = async (exports?: ExportsConfig) => {
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') })
  const { databaseUrl, key, taskQueue } = developed()
  const db = openDatabase(databaseUrl, () => {})
  try {
    await createWorker({
      connection,
      taskQueue: `${taskQueue}-refused`,
      workflows: await bundleOf(SHIPPED_WORKFLOWS),
      tools: sampleTools,
      thinker: createThinker({ deterministic: sampleThoughts, env: {} }),
      policies: SHIPPED_POLICIES,
      db,
      key,
      exports,
    })
    return undefined
  } catch (error) {
    return failureOf(error)
  } finally {
    await db.destroy()
    await connection.close()
  }
}

test('a worker that is not for development does not start where a policy exports to what nobody configured', async () => {
  const message =
    /refund-request\.yaml wants records exported to `splunk`, and no sink takes them\.\n {2}start workers with `--exports/
  expect(await refusalOf()).toMatchObject({ code: 'export_unconfigured', message: expect.stringMatching(message) })
  const [sink] = splunkToFile.sinks
  const other = { ...splunkToFile, sinks: sink === undefined ? [] : [{ ...sink, targets: ['siem'] }] }
  expect(await refusalOf(other)).toMatchObject({ code: 'export_unconfigured' })
})

test('one that runs keeps the policy in force when a changed one exports to what nobody configured', async () => {
  expect(production().worker.buildId).toMatch(/./)
  const name = join(policies, 'refund-request.yaml')
  const text = await readFile(name, 'utf8')
  await writeFile(name, text.replace('"splunk"', '"datadog"'))
  const standing = await until('trouble', () => Promise.resolve(told.find(({ trouble }) => trouble !== null)))
  expect(standing.trouble).toMatchObject({
    why: 'invalid',
    problems: [expect.stringContaining('wants records exported to `datadog`')],
  })
  expect(standing.inForce).toEqual(told[0]?.inForce)
  await writeFile(name, text)
  await until('no trouble', () => Promise.resolve(told.at(-1)?.trouble === null ? true : undefined))
})

test('for development, what a policy exports to nobody goes to a file; commands say what waits, and metrics what went', async () => {
  const world = developed()
  const { run } = await startRefund(world)
  await run.outcome()
  const env = { DATABASE_URL: world.databaseUrl, TEMPORAL_ADDRESS: inject('temporalAddress') }
  const enqueued = await countersign(['audit', 'enqueue', run.workflowId], { env, cwd: folder })
  expect(enqueued.stderr).toBe('')
  const count = Number(/: (\d+) new events for `splunk` wait in the outbox\n$/.exec(enqueued.stdout)?.[1])
  expect(count).toBeGreaterThan(10)
  const lines = await until('the file', async () => {
    const text = await readFile(join(folder, 'development.jsonl'), 'utf8').catch(() => '')
    return text.split('\n').length > count ? text.trimEnd().split('\n') : undefined
  })
  expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(
    Array.from({ length: count }, (_, seq) => seq),
  )
  metrics.watch(world.db)
  const text = await until('the metrics', async () => {
    const scraped = await metrics.text()
    return scraped.includes('countersign_outbox_events{sink="development",state="waiting"} 0') ? scraped : undefined
  })
  expect(text).toContain(`countersign_exported_events_total{sink="development",end="sent"} ${count}\n`)
  expect(text).toContain('countersign_outbox_oldest_seconds{sink="development"} 0\n')

  const listed = await countersign(['audit', 'outbox'], { env, cwd: folder })
  expect(listed).toMatchObject({ code: 0, stderr: '' })
  expect(listed.stdout).toMatch(/^development +\* +0 +0 +\d{4}-/m)
  const nothing = await countersign(['audit', 'outbox', 'resend', 'development'], { env, cwd: folder })
  expect(nothing).toMatchObject({ code: 3, stdout: 'development has refused no such event\n' })
  const forgotten = await countersign(['audit', 'outbox', 'forget', 'nobody'], { env, cwd: folder })
  expect(forgotten).toMatchObject({ code: 3, stdout: 'nobody knows a sink nobody\n' })
  const unknown = await countersign(['audit', 'enqueue', 'no-such-run'], { env, cwd: folder })
  expect(unknown.code).toBe(1)
  expect(unknown.stderr).toContain('code  run_not_found')
})

test('the doctor says which export nobody configured, and what waits in the outbox for it', async () => {
  const world = developed()
  const env = { DATABASE_URL: world.databaseUrl, TEMPORAL_ADDRESS: inject('temporalAddress') }
  const doctor = async (args: readonly string[] = []) => {
    const { stdout } = await countersign(['doctor', '--json', '--no-model', ...args], { env, cwd: folder })
    return (JSON.parse(stdout) as { findings: { name: string; state: string; what: string }[] }).findings
  }
  const found = await doctor()
  expect(found.find(({ name }) => name === 'exports')).toMatchObject({
    state: 'warn',
    what: expect.stringContaining('nobody configured the export to `splunk` of refund_request'),
  })
  await writeFile(join(folder, 'exports.yaml'), 'sinks: [{ name: siem, kind: file, path: x.jsonl }]\n')
  expect((await doctor(['--exports', 'exports.yaml'])).find(({ name }) => name === 'exports')).toMatchObject({
    state: 'FAIL',
  })
  await writeFile(join(folder, 'exports.yaml'), 'sinks: [{ name: splunk, kind: file, path: x.jsonl }]\n')
  const good = await doctor(['--exports', 'exports.yaml'])
  expect(good.find(({ name }) => name === 'exports')).toMatchObject({ state: 'ok' })
  expect(good.find(({ name }) => name === 'outbox')).toMatchObject({ state: 'ok' })
})
