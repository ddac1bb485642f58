import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import { sql } from 'kysely'
import type { LedgerDatabase } from '../src/ledger/database.ts'

const LOOK_MS = 200
/** Nothing comes any more. */
const PATIENCE_MS = 60_000

/** Waits until Temporal lists so many runs, or until no more come; how many it lists. */
export async function untilListed(temporal: Client, query: string, runs: number): Promise<number> {
  let [listed, since] = [-1, Date.now()]
  while (listed < runs && Date.now() - since < PATIENCE_MS) {
    await delay(LOOK_MS)
    const { count } = await temporal.workflow.count(query)
    if (count !== listed) [listed, since] = [count, Date.now()]
  }
  return listed
}

/** Waits until so many runs have completed, and answers with when each of them closed, by workflow id. */
export async function untilClosed(temporal: Client, runs: number): Promise<ReadonlyMap<string, number>> {
  const query = "CountersignState = 'completed' AND ExecutionStatus = 'Completed'"
  await untilListed(temporal, query, runs)
  const times = new Map<string, number>()
  for await (const { workflowId, closeTime } of temporal.workflow.list({ query })) {
    times.set(workflowId, closeTime?.getTime() ?? Number.NaN)
  }
  return times
}

/** What stands in the systems of record and in the ledger. */
export interface Effects {
  readonly refunds: number
  readonly paymentsRefunded: number
  readonly cents: number
  readonly replies: number
  /** Effects that the ledger has as done, and those that it has in any other state. */
  readonly done: number
  readonly notDone: number
}

export async function effectsIn(db: LedgerDatabase): Promise<Effects> {
  const { rows } = await sql<Record<keyof Effects, string>>`
    SELECT count(*) AS "refunds", count(DISTINCT payment_id) AS "paymentsRefunded", coalesce(sum(amount_cents), 0) AS "cents",
      (SELECT count(*) FROM records.replies) AS "replies",
      (SELECT count(*) FROM countersign.effects WHERE state = 'done') AS "done",
      (SELECT count(*) FROM countersign.effects WHERE state <> 'done') AS "notDone"
    FROM records.refunds WHERE status <> 'voided'`.execute(db)
  const entries = Object.entries(rows[0] ?? {}).map(([name, value]) => [name, Number(value)])
  return Object.fromEntries(entries) as Effects
}
