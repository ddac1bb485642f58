import { copyPartition } from '../../../src/audit/archive/copies.ts'
import type { BlobStore } from '../../../src/audit/archive/store.ts'
import { gather } from '../../../src/audit/sealing/gather.ts'
import { NO_COUNTS, type PartitionCounts, sealPartition, type Sweeping } from '../../../src/audit/sealing/partition.ts'
import { publish } from '../../../src/audit/seal/publish.ts'
import type { Signer } from '../../../src/audit/seal/signer.ts'
import { markBegun, markEnded } from '../../../src/ledger/sweep-marks.ts'
import { NO_CONTRACTS } from '../export/records.ts'
import { query, until, type World } from '../../support/world.ts'

/** What one sweep does, without Temporal to order it. */
export async function sweepOnce(
  world: World,
  signer: Signer,
  { of = 1, store, ...more }: Partial<Sweeping> & { readonly of?: number; readonly store?: BlobStore } = {},
): Promise<PartitionCounts> {
  const { temporal: client, taskQueue } = world
  const swept = {
    client,
    db: world.db,
    namespace: 'default',
    taskQueue,
    signer,
    contracts: NO_CONTRACTS,
    isUp: async () => undefined,
    ...more,
  }
  await markBegun(swept.db, swept, store?.url ?? null)
  await gather(swept)
  let counts = NO_COUNTS
  const parts = Array.from({ length: of }, (_, partition) => ({ partition, of }))
  for (const part of parts) counts = await sealPartition(swept, part, { before: counts })
  await publish({ db: swept.db, signer, witnesses: [] })
  for (const part of parts) if (store !== undefined) await copyPartition({ db: swept.db, store }, part)
  await markEnded(swept.db, swept, { ...counts, isComplete: true })
  return counts
}

/** Waits until visibility tells that so many executions on a task queue are closed. */
export const untilClosed = (world: World, count: number): Promise<true> =>
  until(`${count} closed executions`, async () => {
    const { count: closed } = await world.temporal.workflow.count(
      `TaskQueue = '${world.taskQueue}' AND CloseTime >= '1970-01-01T00:00:00Z'`,
    )
    return closed >= count ? true : undefined
  })

/** Leaves of a log by their run, each with the digest of what it was: none of them twice. */
export async function leavesIn(databaseUrl: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await query(databaseUrl, 'SELECT run_key, state_digest FROM countersign.log_leaves ORDER BY index')
  const leaves = new Map<string, string[]>()
  for (const { run_key, state_digest } of rows) {
    leaves.set(String(run_key), [...(leaves.get(String(run_key)) ?? []), String(state_digest)])
  }
  return leaves
}

/** Whether something was sealed twice as it was. */
export const isAnyTwice = (leaves: ReadonlyMap<string, readonly string[]>): boolean =>
  [...leaves.values()].some((digests) => new Set(digests).size !== digests.length)

/** What the sweep has of its runs. */
export async function standingOf(databaseUrl: string): Promise<Readonly<Record<string, string>>> {
  const { rows } = await query(databaseUrl, 'SELECT run_key, state FROM countersign.sweep_runs')
  return Object.fromEntries(rows.map(({ run_key, state }) => [String(run_key), String(state)]))
}
