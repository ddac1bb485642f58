import { type Kysely, sql } from 'kysely'
import type { ModelSpend, Usage } from '../contract/calls.ts'
import type { RunKey } from '../contract/evidence.ts'
import type { LedgerDatabase } from './database.ts'
import type { LedgerTables } from './tables.ts'

/** A database or a transaction on it. */
type Db = Kysely<LedgerTables>

/** One call of a model that is about to be made. */
export interface ModelCall {
  readonly runKey: RunKey
  /** Temporal's run id: attempts are counted anew after a reset. */
  readonly runId: string
  readonly step: string
  /** Of the activity; from 1. */
  readonly attempt: number
  /** Within the attempt; from 1. */
  readonly call: number
  /** In words: which model, in which role. */
  readonly what: string
  /** The most that it can cost. */
  readonly microUsd: number
}

/** What counts against the cap: what was settled, and the whole of what was set aside and never settled. */
const counted = sql<string>`coalesce(sum(coalesce(micro_usd, reserved_micro_usd)), 0)`

/** What a run has spent so far. */
export async function modelSpendOf(db: Db, runKey: RunKey): Promise<ModelSpend> {
  const row = await db
    .selectFrom('countersign.model_calls')
    .select([
      counted.as('micro_usd'),
      sql<string>`coalesce(sum(input_tokens), 0)`.as('input_tokens'),
      sql<string>`coalesce(sum(output_tokens), 0)`.as('output_tokens'),
    ])
    .where('run_key', '=', runKey)
    .executeTakeFirstOrThrow()
  return {
    modelMicroUsd: Number(row.micro_usd),
    inputTokens: Number(row.input_tokens),
    outputTokens: Number(row.output_tokens),
  }
}

/**
 * Sets aside what a call can cost, within a cap (`null`: none). Answers with the id of the reservation; or, with nothing
 * set aside, with what the run has spent when that leaves too little.
 */
export async function reserveModelCall(
  db: LedgerDatabase,
  { runKey, runId, step, attempt, call, what, microUsd }: ModelCall,
  capMicroUsd: number | null,
): Promise<{ readonly id: string } | { readonly spent: ModelSpend }> {
  // Each statement has to see what others committed while it waited for them.
  const transaction = db.transaction().setIsolationLevel('read committed')
  return await transaction.execute(async (tx) => {
    if (capMicroUsd !== null) {
      // Reservations of one run follow one another. A weaker lock than one that its effects would wait for.
      await tx.selectFrom('countersign.runs').select('run_key').where('run_key', '=', runKey).forNoKeyUpdate().execute()
      const spent = await modelSpendOf(tx, runKey)
      if (spent.modelMicroUsd + microUsd > capMicroUsd) return { spent }
    }
    return await tx
      .insertInto('countersign.model_calls')
      .values({ run_key: runKey, run_id: runId, step, attempt, call, what, reserved_micro_usd: microUsd })
      .returning('id')
      .executeTakeFirstOrThrow()
  })
}

/** Records what a call came to; the first word on it counts. */
export async function settleModelCall(db: LedgerDatabase, id: string, used: Usage): Promise<void> {
  await db
    .updateTable('countersign.model_calls')
    .set({
      micro_usd: used.microUsd,
      input_tokens: used.inputTokens,
      output_tokens: used.outputTokens,
      settled_at: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .where('settled_at', 'is', null)
    .execute()
}
