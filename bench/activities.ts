import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { sql } from 'kysely'
import type { LedgerDatabase } from '../src/ledger/database.ts'
import type { WriteImplementation } from '../src/tools/implementation.ts'
import { callOn, inTransaction, type Place, plainSteps, refund, reply, writing } from './steps.ts'
import type { RefundInput, ReplyInput } from './workflows/activities.ts'

function here(): Place {
  const { info, cancellationSignal: signal } = Context.current()
  const workflowId = info.workflowExecution?.workflowId ?? ''
  return {
    runKey: `${workflowId}/bench`,
    step: info.activityId,
    idempotencyKey: `${workflowId}/${info.activityType}`,
    signal,
  }
}

export const plainActivities = (db: LedgerDatabase) => plainSteps(db, here)

/** One effect for a key: its row commits with the effect, and a second attempt gets what the first came to. */
async function once<T>(tx: LedgerDatabase, key: string, effect: () => Promise<T>): Promise<T> {
  const claimed =
    await sql`INSERT INTO bench.effects (key) VALUES (${key}) ON CONFLICT DO NOTHING RETURNING key`.execute(tx)
  if (claimed.rows.length === 0) {
    const { rows } = await sql<{ result: T }>`SELECT result FROM bench.effects WHERE key = ${key}`.execute(tx)
    const [known] = rows
    if (known === undefined) throw ApplicationFailure.retryable(`${key} is in flight`)
    return known.result
  }
  const result = await effect()
  await sql`UPDATE bench.effects SET result = ${JSON.stringify(result)}, done_at = clock_timestamp() WHERE key = ${key}`.execute(
    tx,
  )
  return result
}

/** The same five, with what a careful team adds by hand: an idempotency row, and an undo for each write. */
export const byHandActivities = (db: LedgerDatabase) => {
  const { lookupOrder, lookupCustomer, classify } = plainActivities(db)
  const write = (how: WriteImplementation, input: unknown): Promise<unknown> =>
    inTransaction(db, (tx) => {
      const call = callOn(tx, here())
      return once(tx, call.idempotencyKey, () => how.execute(input, writing(call)))
    })
  const undo = (how: WriteImplementation, input: unknown, output: unknown): Promise<string> =>
    inTransaction(db, (tx) => {
      const call = callOn(tx, here())
      return once(tx, call.idempotencyKey, async () => (await how.undo?.(input, output, call)) ?? 'nothing to undo')
    })
  return {
    lookupOrder,
    lookupCustomer,
    classify,
    refundOnce: (input: RefundInput) => write(refund, input),
    notifyOnce: (input: ReplyInput) => write(reply, input),
    undoRefund: (input: RefundInput, output: unknown) => undo(refund, input, output),
    undoNotify: (input: ReplyInput, output: unknown) => undo(reply, input, output),
  }
}
