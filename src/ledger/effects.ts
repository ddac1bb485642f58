import { type Kysely, sql } from 'kysely'
import type { LedgerEntry } from '../contract/action.ts'
import type { Digest } from '../contract/digest.ts'
import type { RunKey, StepResult } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import type { LedgerTables } from './tables.ts'

/** A database or a transaction on it. */
type Db = Kysely<LedgerTables>

/** The ledger's key: one step of one run. */
export interface EffectKey {
  readonly runKey: RunKey
  readonly step: string
}

/** What a step is about to do. */
export interface Claim extends EffectKey {
  readonly tool: string
  readonly input: Json
  readonly inputDigest: Digest
  readonly actionDigest: Digest | null
  /** Names the business case of the run; `null`: the run is a case of its own. */
  readonly businessKey: Digest | null
}

/** A claimed step: this attempt may run while its fence is the newest. */
export interface Claimed {
  readonly fence: number
}

const entryOf = (row: {
  step: string
  tool: string
  state: LedgerEntry['state']
  input: unknown
  input_digest: string
  result: StepResult | null
}): LedgerEntry => ({
  step: row.step,
  tool: row.tool,
  state: row.state,
  input: row.input as Json,
  inputDigest: row.input_digest as Digest,
  result: row.result,
})

const columns = ['step', 'tool', 'state', 'input', 'input_digest', 'result', 'fence', 'lease_until'] as const

/** Everything the ledger has of a run, in the order in which it was claimed. */
export async function effectsOf(db: Db, runKey: RunKey): Promise<readonly LedgerEntry[]> {
  const rows = await db
    .selectFrom('countersign.effects')
    .select(columns)
    .where('run_key', '=', runKey)
    .orderBy('claimed_at')
    .execute()
  return rows.map(entryOf)
}

/** What keeps a business case from being done by another run: the states that the index of standing effects holds. */
export const STANDING = ['claimed', 'done', 'unknown'] as const

/** Whether an effect in this state stands, or may. */
export const isStanding = (state: LedgerEntry['state']): boolean => (STANDING as readonly string[]).includes(state)

/**
 * The `request_repeated` of a business case for which an effect stands; of one step, or of any. `undefined` when none
 * does.
 */
export async function repeated(db: Db, businessKey: Digest | null, step?: string): Promise<Error | undefined> {
  const standing = await db
    .selectFrom('countersign.effects')
    .select(['run_key', 'step'])
    .where('business_key', '=', businessKey)
    .where('state', 'in', STANDING)
    .$if(step !== undefined, (query) => query.where('step', '=', String(step)))
    .orderBy('claimed_at')
    .executeTakeFirst()
  if (standing === undefined) return undefined
  const workflowId = standing.run_key.slice(0, standing.run_key.lastIndexOf('/'))
  return fail(
    'request_repeated',
    `this was asked for before: \`${standing.step}\` of the run \`${workflowId}\` stands for the same case`,
  )
}

const inFlight = (step: string): Error => fail('effect_in_flight', `\`${step}\` is just being settled`)

export async function findEffect(db: Db, key: EffectKey): Promise<LedgerEntry | undefined> {
  const row = await db
    .selectFrom('countersign.effects')
    .select(columns)
    .where('run_key', '=', key.runKey)
    .where('step', '=', key.step)
    .executeTakeFirst()
  return row === undefined ? undefined : entryOf(row)
}

/**
 * Claims a step for this attempt, or tells what is known of it. Inside a transaction an insert waits for
 * another attempt's uncommitted row, so two attempts of one step never run side by side, nor two runs of one business
 * case.
 * Fails with `effect_conflict` when the step did something else, and with `effect_undone` when it was undone
 * or barred; with `request_repeated` when another run of the same business case did it, or may have.
 */
export async function claim(
  db: Db,
  { runKey, step, tool, input, inputDigest, actionDigest, businessKey }: Claim,
  leaseMs: number | null,
): Promise<Claimed | LedgerEntry> {
  const lease = leaseMs === null ? null : sql<Date>`now() + make_interval(secs => ${leaseMs / 1000})`
  const inserted = await db
    .insertInto('countersign.effects')
    .values({
      run_key: runKey,
      step,
      tool,
      state: 'claimed',
      input: JSON.stringify(input),
      input_digest: inputDigest,
      action_digest: actionDigest,
      business_key: businessKey,
      lease_until: lease,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('fence')
    .executeTakeFirst()
  if (inserted !== undefined) return { fence: inserted.fence }
  const known = await findEffect(db, { runKey, step })
  if (known === undefined) throw (await repeated(db, businessKey, step)) ?? inFlight(step)
  if (known.state === 'undone' || known.state === 'barred') {
    throw fail('effect_undone', `\`${step}\` was ${known.state} and is not done again`)
  }
  if (known.inputDigest !== inputDigest) {
    throw fail('effect_conflict', `\`${step}\` already did something else`, { known: known.inputDigest })
  }
  return known
}

/**
 * Takes a step over whose outcome is not known: marked so, or claimed by an attempt whose lease is over.
 * Fails with `effect_in_flight` while another attempt may still run.
 */
export async function takeOver(db: Db, { runKey, step }: EffectKey, leaseMs: number): Promise<Claimed> {
  const row = await db
    .updateTable('countersign.effects')
    .set({
      state: 'claimed',
      fence: sql<number>`fence + 1`,
      lease_until: sql<Date>`now() + make_interval(secs => ${leaseMs / 1000})`,
    })
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where((where) =>
      where.or([
        where('state', '=', 'unknown'),
        where.and([where('state', '=', 'claimed'), where('lease_until', '<', sql<Date>`now()`)]),
      ]),
    )
    .returning('fence')
    .executeTakeFirst()
  if (row === undefined) throw fail('effect_in_flight', `another attempt of \`${step}\` may still be running`)
  return { fence: row.fence }
}

/** Records the result. `false`: a newer attempt has taken the step over, so this one writes nothing. */
export async function complete(
  db: Db,
  { runKey, step }: EffectKey,
  { fence }: Claimed,
  result: StepResult,
): Promise<boolean> {
  const done = await db
    .updateTable('countersign.effects')
    .set({ state: 'done', result: JSON.stringify(result), done_at: sql<Date>`clock_timestamp()`, lease_until: null })
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where('fence', '=', fence)
    .where('state', '=', 'claimed')
    .returning('step')
    .executeTakeFirst()
  return done !== undefined
}

/** Records that nobody knows whether the effect happened. */
export async function markUnknown(db: Db, { runKey, step }: EffectKey, { fence }: Claimed): Promise<void> {
  await db
    .updateTable('countersign.effects')
    .set({ state: 'unknown', lease_until: null })
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where('fence', '=', fence)
    .where('state', '=', 'claimed')
    .execute()
}

/** Gives a claim back: the system said for certain that nothing happened. */
export async function release(db: Db, { runKey, step }: EffectKey, { fence }: Claimed): Promise<void> {
  await db
    .deleteFrom('countersign.effects')
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where('fence', '=', fence)
    .where('state', '=', 'claimed')
    .execute()
}

/**
 * Bars a step that never happened from happening late. `undefined`: it is barred now; otherwise what the
 * ledger has of it.
 */
export async function bar(db: Db, step: Omit<Claim, 'actionDigest' | 'businessKey'>): Promise<LedgerEntry | undefined> {
  const inserted = await db
    .insertInto('countersign.effects')
    .values({
      run_key: step.runKey,
      step: step.step,
      tool: step.tool,
      state: 'barred',
      input: JSON.stringify(step.input),
      input_digest: step.inputDigest,
      action_digest: null,
      business_key: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('step')
    .executeTakeFirst()
  return inserted === undefined ? await findEffect(db, step) : undefined
}

/** Locks a done effect for its undo, in a transaction. `false`: it is not `done` any more. */
export async function lockDone(db: Db, { runKey, step }: EffectKey): Promise<boolean> {
  const row = await db
    .selectFrom('countersign.effects')
    .select('state')
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .forUpdate()
    .executeTakeFirst()
  return row?.state === 'done'
}

export async function markUndone(db: Db, { runKey, step }: EffectKey, text: string): Promise<void> {
  await db
    .updateTable('countersign.effects')
    .set({ state: 'undone', undo_text: text, undone_at: sql<Date>`clock_timestamp()` })
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where('state', '=', 'done')
    .execute()
}
