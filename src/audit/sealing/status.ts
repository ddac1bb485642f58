import { type SweepStanding, sweepStanding, type Unsealed } from '../../ledger/sweep-standing.ts'
import { gather, type Swept } from './gather.ts'

/** How the log stands beside what has closed. */
export interface SealStatus extends SweepStanding {
  /** Nothing is missing for too long, and nothing is altered. */
  readonly isGood: boolean
  /** Runs that are closed: sealed ones and others. */
  readonly closed: number
  /** Runs that are closed and not sealed, but those that were gone before there was a sweep. */
  readonly missingRuns: number
  /** The one that is missing longest; `null`: none is. */
  readonly oldest: (Unsealed & { readonly seconds: number }) | null
}

/**
 * Looks for what has closed, in Temporal and the ledger, as a sweep does, and tells how much of that is in the log: so a sweep that is away, or
 * that overlooks something, does not go unseen. `lateMs`: how long a run may be missing.
 */
export async function sealStatus(swept: Swept, lateMs: number, now = new Date()): Promise<SealStatus> {
  await gather(swept)
  const standing = await sweepStanding(swept.db, swept)
  const { runs, goneBefore, missing, altered } = standing
  const [first] = missing
  const seconds = first === undefined ? 0 : Math.max(0, Math.round((now.getTime() - first.since.getTime()) / 1_000))
  return {
    ...standing,
    isGood: altered.length === 0 && (first === undefined || seconds * 1_000 <= lateMs),
    closed: runs.due + runs.sealed + runs.altered + runs.gone + runs.elsewhere,
    missingRuns: runs.due + runs.gone - goneBefore,
    oldest: first === undefined ? null : { ...first, seconds },
  }
}
