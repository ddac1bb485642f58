import { type Kysely, sql } from 'kysely'
import type { Digest } from '../contract/digest.ts'
import { type EffectKey, STANDING } from './effects.ts'
import type { LedgerTables } from './tables.ts'

/** A transaction. */
type Tx = Kysely<LedgerTables>

// As literals: PostgreSQL then knows how many rows that are.
const standing = sql.join(STANDING.map((state) => sql.lit(state)))

/**
 * Takes the locks of what effects are counted under, until the transaction ends: whoever else counts under one of them
 * waits. Always in the same order, so that two that need several of them never wait for each other.
 */
export async function lockCounts(tx: Tx, counted: readonly Digest[]): Promise<void> {
  for (const digest of [...new Set(counted)].toSorted()) {
    const half = digest.slice('sha256:'.length).slice(0, 16)
    await sql`SELECT pg_advisory_xact_lock(${BigInt.asIntN(64, BigInt(`0x${half}`)).toString()}::bigint)`.execute(tx)
  }
}

/** What an effect is counted under: a digest, or that and the keyed hash that stands in its place where there are keys. */
type CountNames = string | readonly string[]

/** What stands under a count since so many minutes, without the effect that is about to be counted: under its lock. */
const standingWithin = (counted: CountNames, windowMinutes: number, { runKey, step }: EffectKey) => sql`
  countersign.counts c JOIN countersign.effects e USING (run_key, step)
    WHERE c.counted IN (${sql.join([counted].flat())})
      AND c.counted_at > (SELECT clock_timestamp() - make_interval(mins => ${windowMinutes}))
      AND e.state IN (${standing}) AND NOT (c.run_key = ${runKey} AND c.step = ${step})`

/** How many effects stand, and how many cents they come to, at most the largest safe integer. */
export async function spentWithin(
  tx: Tx,
  counted: CountNames,
  windowMinutes: number,
  but: EffectKey,
): Promise<{ readonly effects: number; readonly cents: number }> {
  const { rows } = await sql<{ effects: string; cents: string }>`
    SELECT count(*) AS effects, coalesce(sum(c.cents), 0) AS cents
    FROM ${standingWithin(counted, windowMinutes, but)}`.execute(tx)
  const [row] = rows
  return { effects: Number(row?.effects), cents: Math.min(Number(row?.cents), Number.MAX_SAFE_INTEGER) }
}

/** The newest amounts that stand, so many at most. Cents. */
export async function amountsWithin(
  tx: Tx,
  counted: CountNames,
  windowMinutes: number,
  but: EffectKey,
  most: number,
): Promise<readonly number[]> {
  const { rows } = await sql<{ cents: string }>`
    SELECT c.cents FROM ${standingWithin(counted, windowMinutes, but)} AND c.cents IS NOT NULL
    ORDER BY c.counted_at DESC LIMIT ${most}`.execute(tx)
  return rows.map(({ cents }) => Number(cents))
}

/** Counts an effect, anew where an attempt of it that came to nothing was counted before. `cents`: `null`: it is no amount. */
export async function count(
  tx: Tx,
  { runKey, step }: EffectKey,
  counted: readonly { readonly digest: string; readonly cents: number | null }[],
): Promise<void> {
  for (const { digest, cents } of counted) {
    await sql`
      INSERT INTO countersign.counts (run_key, step, counted, cents, counted_at)
      VALUES (${runKey}, ${step}, ${digest}, ${cents}, clock_timestamp())
      ON CONFLICT (run_key, step, counted) DO UPDATE SET cents = excluded.cents, counted_at = excluded.counted_at`.execute(
      tx,
    )
  }
}
