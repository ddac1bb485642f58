import { sql } from 'kysely'
import type { LedgerEntry } from '../contract/action.ts'
import type { Digest } from '../contract/digest.ts'
import { type RunKey, type StepResult, workflowIdOf } from '../contract/evidence.ts'
import type { Json } from '../contract/json.ts'
import type { DataKeys } from '../privacy/data-keys.ts'
import { openOrErased, PLAIN } from '../privacy/sealed.ts'
import type { LedgerDatabase } from './database.ts'
import { findRun, type RunRow } from './runs.ts'

/** A row of an effect, as an audit reads it. */
export interface AuditedEffect extends LedgerEntry {
  /** Whether an attempt may still be under way. */
  readonly isLeased: boolean
}

/** What the ledger has of one run. */
export interface AuditedRun {
  /** `undefined`: no worker opened it. */
  readonly run: RunRow | undefined
  readonly effects: readonly AuditedEffect[]
}

/** Everything of a run; the database tells which leases are over. What was erased reads as `{erased: true}`. */
export async function auditedRun(db: LedgerDatabase, runKey: RunKey, keys?: DataKeys): Promise<AuditedRun> {
  const workflowId = workflowIdOf(runKey)
  const opened = async (value: Json): Promise<Json> =>
    keys === undefined ? PLAIN.open(value) : await openOrErased(keys, value, { workflowId })
  const rows = await db
    .selectFrom('countersign.effects')
    .select(['step', 'tool', 'state', 'input', 'input_digest', 'result'])
    .select(sql<boolean>`coalesce(lease_until > now(), false)`.as('is_leased'))
    .where('run_key', '=', runKey)
    .orderBy('claimed_at')
    .execute()
  return {
    run: await findRun(db, runKey),
    effects: await Promise.all(
      rows.map(async ({ step, tool, state, input, input_digest, result, is_leased }) => ({
        step,
        tool,
        state,
        input: await opened(input as Json),
        inputDigest: input_digest as Digest,
        result: (await opened(result as unknown as Json)) as unknown as StepResult | null,
        isLeased: is_leased,
      })),
    ),
  }
}

/** The runs of a workflow id, whichever of them is the newest. */
export async function runKeysOf(db: LedgerDatabase, workflowId: string): Promise<readonly RunKey[]> {
  const rows = await db
    .selectFrom('countersign.runs')
    .select('run_key')
    .where('workflow_id', '=', workflowId)
    .orderBy('opened_at')
    .execute()
  return rows.map(({ run_key }) => run_key as RunKey)
}

/** The workspace of a run; `null`: the ledger has no run of this key. */
export async function workspaceOf(db: LedgerDatabase, runKey: RunKey): Promise<string | null> {
  return (await findRun(db, runKey))?.principal.workspace ?? null
}

/** Some of the runs; `null`: whatever it is. */
export interface WhichRuns {
  /** Opened then or later. */
  readonly since: Date | null
  /** Opened before then. */
  readonly until: Date | null
  /** The workflow type. */
  readonly playbook: string | null
}

/** The rows of some runs. */
const rowsOf = (db: LedgerDatabase, { since, until, playbook }: WhichRuns) =>
  db
    .selectFrom('countersign.runs')
    .select('run_key')
    .$if(since !== null, (query) => query.where('opened_at', '>=', since as Date))
    .$if(until !== null, (query) => query.where('opened_at', '<', until as Date))
    .$if(playbook !== null, (query) => query.where('workflow_type', '=', playbook as string))

/** Each of these runs, a page at a time. */
export async function* runKeysIn(db: LedgerDatabase, which: WhichRuns, page = 500): AsyncGenerator<RunKey> {
  for (let last = ''; ;) {
    const rows = await rowsOf(db, which).where('run_key', '>', last).orderBy('run_key').limit(page).execute()
    for (const { run_key } of rows) yield run_key as RunKey
    const end = rows.at(-1)
    if (end === undefined || rows.length < page) return
    last = end.run_key
  }
}

/** Whether `runKeysIn` tells a run. */
export async function isRunIn(db: LedgerDatabase, runKey: RunKey, which: WhichRuns): Promise<boolean> {
  return (await rowsOf(db, which).where('run_key', '=', runKey).executeTakeFirst()) !== undefined
}
