import { gather } from '../../../src/audit/sealing/gather.ts'
import { NO_COUNTS, type PartitionCounts, sealPartition, type Sweeping } from '../../../src/audit/sealing/partition.ts'
import { publish } from '../../../src/audit/seal/publish.ts'
import type { Signer } from '../../../src/audit/seal/signer.ts'
import { query, until, type World } from '../../support/world.ts'

/** What one sweep does, without Temporal to order it. */
export async function sweepOnce(
  world: World,
  signer: Signer,
  { of = 1, ...more }: Partial<Sweeping> & { readonly of?: number } = {},
): Promise<PartitionCounts> {
  const swept = { client: world.temporal, db: world.db, namespace: 'default', taskQueue: world.taskQueue }
  await gather(swept)
  let counts = NO_COUNTS
  for (let partition = 0; partition < of; partition += 1) {
    const sweeping = { ...swept, signer, isUp: async () => undefined, ...more }
    counts = await sealPartition(sweeping, { partition, of }, { before: counts })
  }
  await publish({ db: world.db, signer, witnesses: [] })
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
