import { type Kysely, sql } from 'kysely'
import type { LedgerEntry } from '../contract/action.ts'
import type { Digest } from '../contract/digest.ts'
import { type RunKey, type StepResult, workflowIdOf } from '../contract/evidence.ts'
import { delayed, fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import { PLAIN, type Sealer } from '../privacy/sealed.ts'
import { ANY_STOP } from './stops.ts'
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
  readonly businessKey: string | null
}

/** A claimed step: this attempt may run while its fence is the newest. */
export interface Claimed {
  readonly fence: number
  /** Nothing at all was stopped when it was claimed; absent: something was, or nobody looked. */
  readonly isCalm?: boolean
}

/** A step whose earlier attempt came to no known end. */
export interface TakenOver extends Claimed {
  /** When an earlier attempt first let the request leave; `null`: none did, so nothing can have happened. */
  readonly sentAt: Date | null
}

interface EntryRow {
  step: string
  tool: string
  state: LedgerEntry['state']
  input: unknown
  input_digest: string
  result: StepResult | null
}

const entryOf = (row: EntryRow, sealer: Sealer): LedgerEntry => ({
  step: row.step,
  tool: row.tool,
  state: row.state,
  input: sealer.open(row.input as Json),
  inputDigest: row.input_digest as Digest,
  result: sealer.open(row.result as Json) as StepResult | null,
})

const columns = ['step', 'tool', 'state', 'input', 'input_digest', 'result', 'fence', 'lease_until'] as const

/** Everything the ledger has of a run, in the order in which it was claimed. `sealer`: of its workflow. */
export async function effectsOf(db: Db, runKey: RunKey, sealer: Sealer = PLAIN): Promise<readonly LedgerEntry[]> {
  const rows = await db
    .selectFrom('countersign.effects')
    .select(columns)
    .where('run_key', '=', runKey)
    .orderBy('claimed_at')
    .execute()
  return rows.map((row) => entryOf(row, sealer))
}

/** What keeps a business case from being done by another run: the states that the index of standing effects holds. */
export const STANDING = ['claimed', 'sent', 'done', 'unknown'] as const

/** Whether an effect in this state stands, or may. */
export const isStanding = (state: LedgerEntry['state']): boolean => (STANDING as readonly string[]).includes(state)

/**
 * The `request_repeated` of a business case for which an effect stands; of one step, or of any. `undefined` when none
 * does.
 */
export async function repeated(db: Db, businessKey: string | null, step?: string): Promise<Error | undefined> {
  const standing = await db
    .selectFrom('countersign.effects')
    .select(['run_key', 'step'])
    .where('business_key', '=', businessKey)
    .where('state', 'in', STANDING)
    .$if(step !== undefined, (query) => query.where('step', '=', String(step)))
    .orderBy('claimed_at')
    .executeTakeFirst()
  if (standing === undefined) return undefined
  const workflowId = workflowIdOf(standing.run_key)
  return fail(
    'request_repeated',
    `this was asked for before: \`${standing.step}\` of the run \`${workflowId}\` stands for the same case`,
  )
}

/** Retryable; `afterMs`: when the attempt that may still run is over for certain. */
const inFlight = (message: string, afterMs?: number): Error => {
  const failure = fail('effect_in_flight', message)
  return afterMs === undefined ? failure : delayed(failure, afterMs)
}

export async function findEffect(db: Db, key: EffectKey, sealer: Sealer = PLAIN): Promise<LedgerEntry | undefined> {
  const row = await db
    .selectFrom('countersign.effects')
    .select(columns)
    .where('run_key', '=', key.runKey)
    .where('step', '=', key.step)
    .executeTakeFirst()
  return row === undefined ? undefined : entryOf(row, sealer)
}

const leaseOf = (leaseMs: number) => sql<Date>`clock_timestamp() + make_interval(secs => ${leaseMs / 1000})`

/**
 * Claims a step for this attempt, or tells what is known of it. Inside a transaction an insert waits for
 * another attempt's uncommitted row, so two attempts of one step never run side by side, nor two runs of one business
 * case. `leaseMs`: how long the attempt may take; `null` in a transaction, whose row nobody sees before it is over.
 * Fails with `effect_conflict` when the step did something else, and with `effect_undone` when it was undone
 * or barred; with `request_repeated` when another run of the same business case did it, or may have.
 */
export async function claim(
  db: Db,
  step: Claim,
  leaseMs: number | null,
  sealer: Sealer = PLAIN,
): Promise<Claimed | LedgerEntry> {
  const values = {
    tool: step.tool,
    state: 'claimed' as const,
    input: JSON.stringify(sealer.seal(step.input)),
    input_digest: step.inputDigest,
    action_digest: step.actionDigest,
    business_key: step.businessKey,
    lease_until: leaseMs === null ? null : leaseOf(leaseMs),
  }
  const inserted = await db
    .insertInto('countersign.effects')
    .values({ run_key: step.runKey, step: step.step, ...values })
    .onConflict((conflict) => conflict.doNothing())
    .returning(['fence', sql<boolean>`NOT EXISTS (${ANY_STOP})`.as('isCalm')])
    .executeTakeFirst()
  if (inserted !== undefined) return { fence: inserted.fence, isCalm: inserted.isCalm }
  const known = await findEffect(db, step, sealer)
  if (known === undefined) {
    throw (await repeated(db, step.businessKey, step.step)) ?? inFlight(`\`${step.step}\` is just being settled`)
  }
  if (known.state === 'undone' || known.state === 'barred') {
    throw fail('effect_undone', `\`${step.step}\` was ${known.state} and is not done again`)
  }
  if (known.state === 'failed') return await claimAgain(db, step, values)
  if (known.inputDigest !== step.inputDigest) {
    throw fail('effect_conflict', `\`${step.step}\` already did something else`, { known: known.inputDigest })
  }
  return known
}

/** Claims a step of which it is certain that nothing happened; its fence goes on, so a late attempt stays fenced off. */
async function claimAgain(db: Db, step: Claim, values: object): Promise<Claimed> {
  const again = await db
    .updateTable('countersign.effects')
    .set({ ...values, fence: sql<number>`fence + 1`, sent_at: null, claimed_at: sql<Date>`clock_timestamp()` })
    .where('run_key', '=', step.runKey)
    .where('step', '=', step.step)
    .where('state', '=', 'failed')
    .returning('fence')
    .executeTakeFirst()
    .catch(async (error: unknown) => {
      // The unique index of what stands of a business case.
      throw (await repeated(db, step.businessKey, step.step)) ?? error
    })
  if (again === undefined) throw inFlight(`another attempt of \`${step.step}\` has just begun`)
  return again
}

/**
 * Says, before the request leaves, that it may: from here on the outcome is unknown until it is recorded. The lease
 * begins anew. Fails with `effect_in_flight` when the lease is over or another attempt has taken the step over: an
 * attempt that was stopped in the meantime sends nothing.
 */
export async function markSent(
  db: Db,
  { runKey, step }: EffectKey,
  { fence }: Claimed,
  leaseMs: number,
): Promise<void> {
  const sent = await db
    .updateTable('countersign.effects')
    .set({
      state: 'sent',
      sent_at: sql<Date>`coalesce(sent_at, clock_timestamp())`,
      lease_until: leaseOf(leaseMs),
    })
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where('fence', '=', fence)
    .where('state', '=', 'claimed')
    .where('lease_until', '>', sql<Date>`clock_timestamp()`)
    .returning('step')
    .executeTakeFirst()
  if (sent === undefined) throw inFlight(`this attempt of \`${step}\` took too long to begin, and sends nothing`)
}

/**
 * Takes a step over whose outcome is not known: marked so, or begun by an attempt whose lease is over.
 * Fails with `effect_in_flight` while another attempt may still run; it is asked again once that one is over.
 */
export async function takeOver(db: Db, { runKey, step }: EffectKey, leaseMs: number): Promise<TakenOver> {
  const row = await db
    .updateTable('countersign.effects')
    .set({ state: 'claimed', fence: sql<number>`fence + 1`, lease_until: leaseOf(leaseMs) })
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where((where) =>
      where.or([
        where('state', '=', 'unknown'),
        where.and([where('state', 'in', ['claimed', 'sent']), where('lease_until', '<', sql<Date>`clock_timestamp()`)]),
      ]),
    )
    .returning(['fence', 'sent_at'])
    .executeTakeFirst()
  if (row !== undefined) return { fence: row.fence, sentAt: row.sent_at }
  throw inFlight(`another attempt of \`${step}\` may still be running`, await leaseLeftMs(db, { runKey, step }))
}

/** How long the lease of a step still runs; `undefined`: it has none. */
async function leaseLeftMs(db: Db, { runKey, step }: EffectKey): Promise<number | undefined> {
  const row = await db
    .selectFrom('countersign.effects')
    .select(sql<string | null>`ceil(extract(epoch FROM lease_until - clock_timestamp()) * 1000)`.as('ms'))
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .executeTakeFirst()
  return row?.ms === null || row?.ms === undefined ? undefined : Math.max(Number(row.ms), 0)
}

/** The row of a step while this attempt is the one that may write it. */
const mineOf = (db: Db, { runKey, step }: EffectKey, { fence }: Claimed) =>
  db
    .updateTable('countersign.effects')
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where('fence', '=', fence)
    .where('state', 'in', ['claimed', 'sent'])

/** Records the result. `false`: a newer attempt has taken the step over, so this one writes nothing. */
export async function complete(
  db: Db,
  step: EffectKey,
  mine: Claimed,
  result: StepResult,
  sealer: Sealer = PLAIN,
): Promise<boolean> {
  const sealed = JSON.stringify(sealer.seal(result as unknown as Json))
  const done = await mineOf(db, step, mine)
    .set({ state: 'done', result: sealed, done_at: sql<Date>`clock_timestamp()`, lease_until: null })
    .returning('step')
    .executeTakeFirst()
  return done !== undefined
}

/** Records that nobody knows whether the effect happened. */
export async function markUnknown(db: Db, step: EffectKey, mine: Claimed): Promise<void> {
  await mineOf(db, step, mine).set({ state: 'unknown', lease_until: null }).execute()
}

/** Records that the system said for certain that nothing happened: the step may be claimed again, or barred. */
export async function markFailed(db: Db, step: EffectKey, mine: Claimed): Promise<void> {
  await mineOf(db, step, mine).set({ state: 'failed', lease_until: null }).execute()
}

/**
 * Bars a step that never happened from happening late. `undefined`: it is barred now; otherwise what the
 * ledger has of it.
 */
export async function bar(
  db: Db,
  step: Omit<Claim, 'actionDigest' | 'businessKey'>,
  sealer: Sealer = PLAIN,
): Promise<LedgerEntry | undefined> {
  const barred = await db
    .insertInto('countersign.effects')
    .values({
      run_key: step.runKey,
      step: step.step,
      tool: step.tool,
      state: 'barred',
      input: JSON.stringify(sealer.seal(step.input)),
      input_digest: step.inputDigest,
      action_digest: null,
      business_key: null,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['run_key', 'step'])
        .doUpdateSet({ state: 'barred' })
        .where('countersign.effects.state', '=', 'failed'),
    )
    .returning('step')
    .executeTakeFirst()
  return barred === undefined ? await findEffect(db, step, sealer) : undefined
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

/**
 * Takes the undo of a done effect for this attempt, where it is in another system. Fails with `effect_in_flight` while
 * another attempt of it may still run, or when the effect is not `done` any more.
 */
export async function claimUndo(db: Db, { runKey, step }: EffectKey, leaseMs: number): Promise<Claimed> {
  const row = await db
    .updateTable('countersign.effects')
    .set({ fence: sql<number>`fence + 1`, lease_until: leaseOf(leaseMs) })
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where('state', '=', 'done')
    .where((where) =>
      where.or([where('lease_until', 'is', null), where('lease_until', '<', sql<Date>`clock_timestamp()`)]),
    )
    .returning('fence')
    .executeTakeFirst()
  if (row !== undefined) return row
  throw inFlight(`another undo of \`${step}\` may still be running`, await leaseLeftMs(db, { runKey, step }))
}

/** Lets the next attempt of an undo begin at once: this one is over. */
export async function releaseUndo(db: Db, { runKey, step }: EffectKey, { fence }: Claimed): Promise<void> {
  await db
    .updateTable('countersign.effects')
    .set({ lease_until: null })
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where('fence', '=', fence)
    .where('state', '=', 'done')
    .execute()
}

/** Records an undo; `mine`: of the attempt that has it, where it is in another system. One that was taken over writes nothing. */
export async function markUndone(
  db: Db,
  { runKey, step }: EffectKey,
  text: string,
  mine?: Claimed,
  sealer: Sealer = PLAIN,
): Promise<void> {
  const sealed = sealer.seal(text)
  await db
    .updateTable('countersign.effects')
    .set({
      state: 'undone',
      undo_text: typeof sealed === 'string' ? sealed : JSON.stringify(sealed),
      undone_at: sql<Date>`clock_timestamp()`,
      lease_until: null,
    })
    .where('run_key', '=', runKey)
    .where('step', '=', step)
    .where('state', '=', 'done')
    .$if(mine !== undefined, (query) => query.where('fence', '=', mine?.fence ?? 0))
    .execute()
}
