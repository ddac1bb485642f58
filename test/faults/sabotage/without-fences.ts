import { sql } from 'kysely'
import * as real from '../../../src/ledger/effects.ts'

export * from '../../../src/ledger/effects.ts'

/** Takes a step over whatever its lease says. */
export const takeOver: typeof real.takeOver = async (db, step, leaseMs) => {
  await sql`
    UPDATE countersign.effects SET lease_until = clock_timestamp() - interval '1 second'
    WHERE run_key = ${step.runKey} AND step = ${step.step} AND state IN ('claimed', 'sent')`.execute(db)
  return await real.takeOver(db, step, leaseMs)
}

/** Lets the request leave, whoever has the step by now. */
export const markSent: typeof real.markSent = async (db, { runKey, step }) => {
  await sql`
    UPDATE countersign.effects SET state = 'sent', sent_at = clock_timestamp()
    WHERE run_key = ${runKey} AND step = ${step} AND state = 'claimed'`.execute(db)
}

/** Writes over whatever a newer attempt has written. */
export const complete: typeof real.complete = async (db, { runKey, step }, _mine, result) => {
  await sql`
    UPDATE countersign.effects SET state = 'done', result = ${JSON.stringify(result)}, lease_until = NULL
    WHERE run_key = ${runKey} AND step = ${step}`.execute(db)
  return true
}
