import { type Kysely, sql } from 'kysely'
import type { LedgerTables } from './tables.ts'

/** Effects of all runs whose outcome is not on the record. */
export interface Unsettled {
  /** Claimed by an attempt that may still run. */
  readonly claimed: number
  /** Claimed, and the attempt's lease is over: its worker died, and the next attempt takes it over. */
  readonly lapsed: number
  /** Nobody knows whether it happened: reconciled by the next attempt, or by a person. */
  readonly unknown: number
}

/** Counts them, by an index that holds nothing else. */
export async function unsettledEffects(db: Kysely<LedgerTables>): Promise<Unsettled> {
  const { rows } = await sql<Record<keyof Unsettled, number>>`
    SELECT count(*) FILTER (WHERE state IN ('claimed', 'sent') AND lease_until >= now())::int AS claimed,
           count(*) FILTER (WHERE state IN ('claimed', 'sent') AND lease_until < now())::int AS lapsed,
           count(*) FILTER (WHERE state = 'unknown')::int AS unknown
    FROM countersign.effects
    WHERE state = 'unknown' OR (state IN ('claimed', 'sent') AND lease_until IS NOT NULL)`.execute(db)
  return rows[0] ?? { claimed: 0, lapsed: 0, unknown: 0 }
}
