import { NativeConnection } from '@temporalio/worker'
import { cpSync, mkdtempSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, inject, test } from 'vitest'
import { sampleThoughts, sampleTools } from '../../activities/index.ts'
import { digestOfText } from '../../src/contract/digest.ts'
import type { PolicyStanding } from '../../src/worker/observer.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { createWorker } from '../../src/worker/worker.ts'
import { SHIPPED_POLICIES, SHIPPED_WORKFLOWS, until, useWorld } from '../support/world.ts'

const REFRESH_MS = 50
const folder = mkdtempSync(join(tmpdir(), 'policy-files-'))
cpSync(SHIPPED_POLICIES, folder, { recursive: true })
afterAll(() => rm(folder, { recursive: true }))
const told: PolicyStanding[] = []
const world = useWorld({
  policies: folder,
  policyRefreshMs: REFRESH_MS,
  // What it throws is its own affair.
  observer: {
    policies(standing) {
      told.push(standing)
      throw new Error('nobody counts')
    },
  },
})

const textOf = (calls: number) => `workflow: refund_request\nmax_tool_calls: ${calls}\n`
const write = (text: string) => writeFile(join(folder, 'refund-request.yaml'), text)
const digestTold = () => told.at(-1)?.inForce.find(({ workflow }) => workflow === 'refund_request')?.policyDigest
const untilTold = (text: string) =>
  until(text, () => Promise.resolve(digestTold() === digestOfText(text) ? true : undefined))

test('the files are looked at while the worker runs, and no more once it has stopped', async () => {
  expect(told).toMatchObject([{ trouble: null, refreshMs: REFRESH_MS }])
  await write(textOf(11))
  await untilTold(textOf(11))
  // Only what changes is told.
  expect(told).toHaveLength(2)
  await delay(4 * REFRESH_MS)
  expect(told).toHaveLength(2)

  await world().worker.stop()
  await write(textOf(12))
  await delay(10 * REFRESH_MS)
  expect(told).toHaveLength(2)
  const stored = world().db.selectFrom('countersign.policies').select('digest')
  expect(await stored.where('digest', '=', digestOfText(textOf(12))).execute()).toEqual([])
  expect(await stored.where('digest', '=', digestOfText(textOf(11))).execute()).toHaveLength(1)
})

const worker = (policyRefreshMs: number, connection: NativeConnection) =>
  createWorker({
    connection,
    taskQueue: `${world().taskQueue}-other`,
    workflows: SHIPPED_WORKFLOWS,
    tools: sampleTools,
    thinker: createThinker({ deterministic: sampleThoughts, env: {} }),
    policies: folder,
    policyRefreshMs,
    db: world().db,
    key: world().key,
    observer: { policies: (standing) => void told.push(standing) },
  })

test('a worker looks at nothing before it runs, and not more often than can be', async () => {
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') })
  try {
    for (const wrong of [-1, 0.5, Number.NaN, 3_600_001]) {
      await expect(worker(wrong, connection)).rejects.toThrow(
        new RangeError(`policyRefreshMs must be a whole number from 0 to 3600000, got ${wrong}`),
      )
    }
    const idle = await worker(REFRESH_MS, connection)
    const before = told.length
    await write(textOf(13))
    await delay(10 * REFRESH_MS)
    expect(told).toHaveLength(before)
    await idle.runUntil(untilTold(textOf(13)))
    expect(told).toHaveLength(before + 1)
  } finally {
    await connection.close()
  }
})
