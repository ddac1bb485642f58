import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { codeOf } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import type { Principal } from '../contract/principal.ts'
import { destroyDataKeys } from '../ledger/data-keys.ts'
import { forgetIndexed } from '../ledger/audit-index.ts'
import { emptyRun } from '../ledger/outbox.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { type Hold, holdOver, type HoldTarget, lockHolds } from '../ledger/holds.ts'
import { ERASED } from './codec.ts'
import type { DataKeys } from './data-keys.ts'
import { commitment, hiddenDigest } from './hidden-digests.ts'

/** What stands in place of a text that was erased. */
const ERASED_TEXT = 'ERASED'
const MARK = JSON.stringify(ERASED)

/** Whether Temporal has a workflow open; `elsewhere`: it is of another namespace than is asked here. */
export type Standing =
  | { readonly is: 'open' | 'elsewhere' }
  /** `at`: `null` when Temporal has nothing of it any more. */
  | { readonly is: 'closed'; readonly at: Date | null }

/** What erasing stands on. */
export interface EraseParts {
  readonly db: LedgerDatabase
  /** Absent: nothing here is encrypted, and business cases stay bare digests. */
  readonly keys?: DataKeys | undefined
  readonly standingOf: (namespace: string, workflowId: string) => Promise<Standing>
}

export interface WorkflowRef {
  readonly namespace: string
  readonly workflowId: string
}

/** What was done to a run; stored with it. */
export interface Did {
  readonly keys: readonly string[]
  readonly blobs: readonly string[]
  readonly rows: Readonly<Record<string, number>>
  readonly encrypted: boolean
}

/** What came of erasing one workflow. */
export type WorkflowErased =
  | { readonly came: 'erased' | 'nothing'; readonly runKeys: readonly string[] }
  | { readonly came: 'open' | 'elsewhere' }
  | { readonly came: 'held'; readonly hold: Hold }

/** Who has a hold on which runs: their keys, ids, workspaces and people. */
export async function holdTargetsOf(db: LedgerDatabase, { workflowId }: WorkflowRef): Promise<readonly HoldTarget[]> {
  const runs = await db
    .selectFrom('countersign.runs')
    .select(['run_key', sql<string>`principal ->> 'workspace'`.as('workspace')])
    .where('workflow_id', '=', workflowId)
    .execute()
  const subjects = await db
    .selectFrom('countersign.data_subjects')
    .select('subject_hash')
    .where('workflow_id', '=', workflowId)
    .execute()
  return [
    { scope: 'run', name: workflowId },
    ...runs.map(({ run_key }) => ({ scope: 'run', name: run_key }) as const),
    ...runs.map(({ workspace }) => ({ scope: 'workspace', name: workspace }) as const),
    ...subjects.map(({ subject_hash }) => ({ scope: 'subject', name: subject_hash }) as const),
  ]
}

/** On whose behalf it is erased. */
interface Erasing {
  /** `null`: nobody asked for it, its time is over; then what only tells who did what when goes, too. */
  readonly erasureId: string | null
  readonly why: string
  /** Looked at once everything is locked: whether it still is to be erased. Default: it is. */
  readonly isDue?: (tx: LedgerDatabase) => Promise<boolean>
}

/**
 * Erases all runs of one workflow id, which share a data key, in one transaction: destroys the key, blanks what is personal in the
 * ledger, and writes down what it did. Nothing happens while one of them is open, or an attempt of it may be under way, or a hold
 * covers it. Twice is once: what is erased already is `nothing`.
 */
export async function eraseWorkflow(
  parts: EraseParts,
  workflow: WorkflowRef,
  { erasureId, why, isDue }: Erasing,
): Promise<WorkflowErased> {
  const { db } = parts
  const { namespace, workflowId } = workflow
  const standing = await parts.standingOf(namespace, workflowId)
  if (standing.is !== 'closed') return { came: standing.is }
  // Two runs of one case from before there were keys are told apart by the ledger as long as both have its bare digest.
  if (await hasOpenTwin(parts, workflow)) return { came: 'open' }
  const key = await committingKey(parts, workflow)
  // Before the transaction, which must not wait for another connection.
  const hidden = await hiddenNames(parts, workflow)
  return await db.transaction().execute(async (tx): Promise<WorkflowErased> => {
    await lockHolds(tx)
    const hold = await holdOver(tx, await holdTargetsOf(tx, workflow))
    if (hold !== undefined) return { came: 'held', hold }
    const runs = await tx
      .selectFrom('countersign.runs')
      .select(['run_key', 'principal', 'request_digest', 'business_key', 'erased_at'])
      .where('workflow_id', '=', workflowId)
      .where((where) => where.or([where('namespace', '=', namespace), where('namespace', 'is', null)]))
      .orderBy('run_key')
      .forUpdate()
      .execute()
    const runKeys = runs.map(({ run_key }) => run_key)
    if (await isUnderWay(tx, runKeys)) return { came: 'open' }
    if (isDue !== undefined && !(await isDue(tx))) return { came: 'open' }
    const known = await tx
      .selectFrom('countersign.data_keys')
      .select('key_id')
      .where('kind', '=', 'run')
      .where('namespace', '=', namespace)
      .where('workflow_id', '=', workflowId)
      .execute()
    const destroyed = await destroyDataKeys(tx, workflow, why)
    const blobs = await deletedBlobs(
      tx,
      known.map(({ key_id }) => key_id),
    )
    let came: 'erased' | 'nothing' = 'nothing'
    for (const [at, run] of runs.entries()) {
      const rows = await blankRun(tx, run, { key, hidden, workflowId, deletes: erasureId === null })
      // What is of the workflow is told with its first run.
      const did: Did = {
        keys: at === 0 ? destroyed : [],
        blobs: at === 0 ? blobs : [],
        rows,
        encrypted: known.length > 0,
      }
      const isNothing = did.keys.length + did.blobs.length + Object.keys(rows).length === 0
      if (isNothing && run.erased_at !== null) continue
      came = 'erased'
      const { run_key } = run
      await tx
        .updateTable('countersign.runs')
        .set({ erased_at: sql<Date>`coalesce(erased_at, clock_timestamp())` })
        .where('run_key', '=', run_key)
        .execute()
      await tx
        .insertInto('countersign.erased_runs')
        .values({
          run_key,
          namespace,
          workflow_id: workflowId,
          erasure_id: erasureId,
          certificate_id: null,
          did: JSON.stringify(did),
        })
        .execute()
    }
    return { came, runKeys }
  })
}

/** Whether a run of the same case is open, of which the ledger has the bare digest, too. */
async function hasOpenTwin({ db, standingOf }: EraseParts, { namespace, workflowId }: WorkflowRef): Promise<boolean> {
  const twins = await db
    .selectFrom('countersign.runs as own')
    .innerJoin('countersign.runs as twin', 'twin.business_key', 'own.business_key')
    .select(['twin.workflow_id', 'twin.namespace'])
    .distinct()
    .where('own.workflow_id', '=', workflowId)
    .where('own.business_key', 'like', 'sha256:%')
    .where('twin.workflow_id', '<>', workflowId)
    .execute()
  for (const twin of twins) {
    if ((await standingOf(twin.namespace ?? namespace, twin.workflow_id)).is === 'open') return true
  }
  return false
}

/** The key that is about to be destroyed; where there is none, or nobody can unwrap it, one that nobody ever sees. */
async function committingKey({ db, keys }: EraseParts, { namespace, workflowId }: WorkflowRef): Promise<KeyObject> {
  const live = await db
    .selectFrom('countersign.data_keys')
    .select('key_id')
    .where('kind', '=', 'run')
    .where('namespace', '=', namespace)
    .where('workflow_id', '=', workflowId)
    .where('destroyed_at', 'is', null)
    .orderBy('made_at')
    .executeTakeFirst()
  const own = createSecretKey(randomBytes(32))
  if (live === undefined || keys === undefined) return own
  try {
    return (await keys.keyById(live.key_id)).key
  } catch (error) {
    if (codeOf(error) === 'keys_unavailable' || codeOf(error) === 'payload_erased') return own
    throw error
  }
}

/** What stands in place of what may be looked up again, by the index key: bare digests of before there were keys, and names of people. */
interface Hidden {
  readonly digests: ReadonlyMap<string, string>
  /** Names in principals that are those of a person whom the data is about. */
  readonly people: ReadonlySet<string>
}

async function hiddenNames({ db, keys }: EraseParts, { workflowId }: WorkflowRef): Promise<Hidden> {
  if (keys === undefined) return { digests: new Map(), people: new Set() }
  const runs = await db
    .selectFrom('countersign.runs')
    .select(['run_key', 'business_key', 'principal'])
    .where('workflow_id', '=', workflowId)
    .execute()
  const runKeys = runs.map(({ run_key }) => run_key)
  const counted =
    runKeys.length === 0
      ? []
      : await db.selectFrom('countersign.counts').select('counted').where('run_key', 'in', runKeys).execute()
  const bare = new Set([
    ...runs.flatMap(({ business_key }) => business_key ?? []),
    ...counted.map(({ counted: one }) => one),
  ])
  const digests = await Promise.all([...bare].map(async (one) => [one, await hiddenDigest(keys, one)] as const))
  const about = await db
    .selectFrom('countersign.data_subjects')
    .select('subject_hash')
    .where('workflow_id', '=', workflowId)
    .execute()
  const hashes = new Set(about.map(({ subject_hash }) => subject_hash))
  const names = new Set(
    runs.flatMap(({ principal: { subject, onBehalfOf } }) => [
      subject,
      ...(onBehalfOf === undefined ? [] : [onBehalfOf]),
    ]),
  )
  const people = new Set<string>()
  for (const name of names) if (hashes.has(await keys.hiddenName(name))) people.add(name)
  return { digests: new Map(digests), people }
}

/** Whether an attempt of one of these runs may be under way: then it is not over, whatever Temporal says. */
async function isUnderWay(tx: LedgerDatabase, runKeys: readonly string[]): Promise<boolean> {
  if (runKeys.length === 0) return false
  const row = await tx
    .selectFrom('countersign.effects')
    .select('step')
    .where('run_key', 'in', runKeys)
    .where('lease_until', '>', sql<Date>`clock_timestamp()`)
    .executeTakeFirst()
  return row !== undefined
}

async function deletedBlobs(tx: LedgerDatabase, keyIds: readonly string[]): Promise<readonly string[]> {
  if (keyIds.length === 0) return []
  const rows = await tx.deleteFrom('countersign.blobs').where('key_id', 'in', keyIds).returning('digest').execute()
  return rows.map(({ digest }) => digest).toSorted()
}

interface Run {
  readonly run_key: string
  readonly principal: Principal
  readonly request_digest: string
  readonly business_key: string | null
  readonly erased_at: Date | null
}

interface Blanking {
  readonly key: KeyObject
  readonly hidden: Hidden
  readonly workflowId: string
  /** Whether rows that no other row needs are deleted, and not blanked. */
  readonly deletes: boolean
}

/** Blanks what the ledger has of a run; answers with how many rows of which table it changed. Twice is once. */
async function blankRun(
  tx: LedgerDatabase,
  run: Run,
  { key, hidden, workflowId, deletes }: Blanking,
): Promise<Readonly<Record<string, number>>> {
  const { run_key: runKey } = run
  const rows: Record<string, number> = {}
  const told = (table: string, n: number): void => {
    if (n > 0) rows[table] = (rows[table] ?? 0) + n
  }
  const kept = (digest: string | null): string | null =>
    digest === null ? null : (hidden.digests.get(digest) ?? digest)
  const committed = (digest: string | null): string | null => (digest === null ? null : commitment(key, digest))

  if (run.erased_at === null) {
    const { subject, onBehalfOf, ...rest } = run.principal
    const unnamed = (name: string): string => (hidden.people.has(name) ? ERASED_TEXT : name)
    const principal = {
      ...rest,
      subject: unnamed(subject),
      ...(onBehalfOf === undefined ? {} : { onBehalfOf: unnamed(onBehalfOf) }),
    }
    await tx
      .updateTable('countersign.runs')
      .set({
        principal: JSON.stringify(principal),
        request_digest: commitment(key, run.request_digest),
        business_key: kept(run.business_key),
        statement: null,
      })
      .where('run_key', '=', runKey)
      .execute()
    told('runs', 1)
  }

  const effects = await tx
    .selectFrom('countersign.effects')
    .select(['step', 'input_digest', 'action_digest', 'business_key'])
    .where('run_key', '=', runKey)
    .where((where) =>
      where.or([where(sql`input`, '<>', sql`${MARK}::jsonb`), where('input_digest', 'not like', 'hmac-%')]),
    )
    .execute()
  for (const { step, input_digest, action_digest, business_key } of effects) {
    await tx
      .updateTable('countersign.effects')
      .set({
        input: MARK,
        result: sql`CASE WHEN result IS NULL THEN NULL ELSE ${MARK}::jsonb END`,
        undo_text: sql`CASE WHEN undo_text IS NULL THEN NULL ELSE ${ERASED_TEXT} END`,
        input_digest: commitment(key, input_digest),
        action_digest: committed(action_digest),
        business_key: kept(business_key),
      })
      .where('run_key', '=', runKey)
      .where('step', '=', step)
      .execute()
  }
  told('effects', effects.length)

  for (const [bare, name] of hidden.digests) {
    if (bare === name) continue
    const counted = await tx
      .updateTable('countersign.counts')
      .set({ counted: name })
      .where('run_key', '=', runKey)
      .where('counted', '=', bare)
      .returning('step')
      .execute()
    told('counts', counted.length)
  }

  told('outbox', await emptyRun(tx, runKey))
  told('audit_index', await forgetIndexed(tx, runKey))

  if (deletes) {
    const notices = await tx
      .deleteFrom('countersign.notifications')
      .where('run_key', '=', runKey)
      .returning('id')
      .execute()
    told('notifications', notices.length)
    // They were valid for minutes: nobody can use one again.
    const used = await tx
      .deleteFrom('countersign.statements')
      .where('run_key', '=', runKey)
      .returning('nonce')
      .execute()
    told('statements', used.length)
    const asked = await tx
      .deleteFrom('countersign.attempts')
      .where(isAboutRun(runKey, workflowId))
      .returning('id')
      .execute()
    told('attempts', asked.length)
    return rows
  }

  const notices = await tx
    .selectFrom('countersign.notifications')
    .select(['id', 'action_digest'])
    .where('run_key', '=', runKey)
    .where('action_digest', 'not like', 'hmac-%')
    .execute()
  for (const { id, action_digest } of notices) {
    await tx
      .updateTable('countersign.notifications')
      .set({
        notice: MARK,
        last_error: sql`CASE WHEN last_error IS NULL THEN NULL ELSE ${ERASED_TEXT} END`,
        action_digest: commitment(key, action_digest),
        state: sql`CASE WHEN state = 'waiting' THEN 'dropped' ELSE state END`,
        settled_at: sql`coalesce(settled_at, clock_timestamp())`,
      })
      .where('id', '=', id)
      .execute()
  }
  told('notifications', notices.length)

  const statements = await tx
    .selectFrom('countersign.statements')
    .select(['nonce', 'digest'])
    .where('run_key', '=', runKey)
    .where('digest', 'not like', 'hmac-%')
    .execute()
  for (const { nonce, digest } of statements) {
    await tx
      .updateTable('countersign.statements')
      .set({ digest: commitment(key, digest) })
      .where('nonce', '=', nonce)
      .execute()
  }
  told('statements', statements.length)

  // Who asked for what kind of statement stays on the log of the gateway; the digests of what it was about do not.
  const about: Json = { ...ERASED }
  const attempts = await tx
    .updateTable('countersign.attempts')
    .set({ about: sql`jsonb_build_object('kind', about -> 'kind') || ${JSON.stringify(about)}::jsonb` })
    .where(isAboutRun(runKey, workflowId))
    .returning('id')
    .execute()
  told('attempts', attempts.length)
  return rows
}

const isAboutRun = (runKey: string, workflowId: string) => sql<boolean>`
  (about ->> 'runKey' = ${runKey} OR (about ->> 'kind' = 'start' AND about ->> 'workflowId' = ${workflowId}))`
