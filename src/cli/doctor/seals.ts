import type { LedgerDatabase } from '../../ledger/database.ts'
import { sweepStanding } from '../../ledger/sweep-standing.ts'
import { failed, type Finding, ok, warn } from './finding.ts'

const LATE_MS = 3_600_000
const SEE = 'See `countersign audit status`.'

/** Whether what is over gets into the log, as far as the ledger tells. */
export async function lookAtSeals(db: LedgerDatabase, namespace: string, taskQueue: string): Promise<Finding> {
  const { last, missing, runs, log, copies } = await sweepStanding(db, { namespace, taskQueue })
  if (runs.altered > 0) {
    return failed('seals', `Temporal tells otherwise than was sealed of ${runs.altered} runs`, SEE)
  }
  if (last?.beganAt == null) {
    return warn('seals', 'nothing seals runs that are over', 'Start `countersign audit sweeper`.')
  }
  const [oldest] = missing
  const isLate = oldest !== undefined && Date.now() - oldest.since.getTime() > LATE_MS
  if (isLate) return warn('seals', `the run ${oldest.runKey} is not sealed since ${oldest.since.toISOString()}`, SEE)
  if (last.trouble !== null) return warn('seals', `the sweep is kept from going on: ${last.trouble}`, SEE)
  const copied = copies === null ? '' : `, ${copies.missing} of them not copied`
  return ok('seals', `${log.size} seals in the log${copied}; the last sweep began at ${last.beganAt.toISOString()}`)
}
