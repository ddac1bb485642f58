import type { Client } from '@temporalio/client'
import pMap, { pMapSkip } from 'p-map'
import { type RunKey, runKeyOf } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { visibilityText } from '../contract/visibility.ts'
import { type Verify, verifierOf } from '../identity/host-key.ts'
import type { Residency } from '../privacy/residency.ts'
import { auditedRun, workspaceOf, isRunIn, runKeysIn, runKeysOf, type WhichRuns } from '../ledger/audited.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { findKey } from '../ledger/keys.ts'
import type { DataKeys } from '../privacy/data-keys.ts'
import { historiesOf, historyOf } from './histories.ts'
import { historyCodec } from './in-full.ts'
import type { Verifiers } from './receipt-flaw.ts'
import { type Reconciled, reconcile } from './reconcile.ts'

/** Where the two sides are. */
export interface Sides {
  readonly client: Client
  readonly db: LedgerDatabase
  /** With which what is encrypted is read. */
  readonly keys?: DataKeys | undefined
  /** Where workspaces are at home; runs that are at home elsewhere are not read. */
  readonly residency?: Residency | undefined
  /** Is told of each run that is not read for that. */
  readonly leftOut?: (runKey: RunKey) => void
}

/** What came of a sweep. */
export interface Swept {
  /** How many runs were compared. */
  readonly compared: number
  /** Those that differ, in the order of their run keys; those of which the ledger has no row come last. */
  readonly differing: readonly Reconciled[]
}

/** Runs that are read at once; each holds what its histories say, and no other does. */
export const AT_ONCE = 4

/** The published keys of hosts, each looked up once. */
export function publishedKeys(db: LedgerDatabase): Verifiers {
  const known = new Map<string, Promise<Verify | undefined>>()
  return (keyId) => {
    const found =
      known.get(keyId) ?? findKey(db, keyId).then((pem) => (pem === undefined ? undefined : verifierOf(pem)))
    known.set(keyId, found)
    return found
  }
}

/**
 * Compares one run. What is found is looked for a second time, on both sides, since a run goes on between the reading of
 * one and of the other: only what was found twice is told.
 */
async function reconcileRun(
  { client, db, keys: dataKeys }: Sides,
  runKey: RunKey,
  keys: Verifiers,
): Promise<Reconciled> {
  const once = async (): Promise<Reconciled> => {
    const ledger = await auditedRun(db, runKey, dataKeys)
    const codec = historyCodec(db, dataKeys)
    return await reconcile(runKey, await historiesOf({ client, codec }, runKey), ledger, keys)
  }
  const first = await once()
  if (first.findings.length === 0) return first
  const before = new Set(first.findings.map(({ code, step }) => `${code} ${step ?? ''}`))
  const second = await once()
  return { ...second, findings: second.findings.filter(({ code, step }) => before.has(`${code} ${step ?? ''}`)) }
}

/** Compares every run of a workflow id. Fails with `run_not_found` when neither side knows one. */
export async function reconcileId(sides: Sides, workflowId: string): Promise<readonly Reconciled[]> {
  const { client, db } = sides
  const newest = await historyOf({ client, codec: historyCodec(db, sides.keys) }, workflowId, '')
  const runKeys = new Set([...(await runKeysOf(db, workflowId)), ...(newest === undefined ? [] : [newest.runKey])])
  for (const runKey of runKeys) sides.residency?.check(await workspaceOf(db, runKey))
  if (runKeys.size === 0) throw fail('run_not_found', `neither Temporal nor the ledger has a run \`${workflowId}\``)
  const keys = publishedKeys(db)
  return await pMap(runKeys, (runKey) => reconcileRun(sides, runKey, keys), { concurrency: 1 })
}

/**
 * Compares all runs that were opened or started since then, on the ledger and on a task queue; `null`: all there are.
 */
export async function sweep(sides: Sides, taskQueue: string, since: Date | null): Promise<Swept> {
  const keys = publishedKeys(sides.db)
  let compared = 0
  const differing = await pMap(
    runKeysOfBoth(sides, taskQueue, { since, until: null, playbook: null }),
    async (runKey) => {
      compared += 1
      const reconciled = await reconcileRun(sides, runKey, keys)
      return reconciled.findings.length > 0 ? reconciled : pMapSkip
    },
    { concurrency: AT_ONCE },
  )
  return { compared, differing }
}

/** The runs that the ledger has, and then those that only Temporal has on a task queue; but those that are at home elsewhere. */
export async function* runKeysOfBoth(sides: Sides, taskQueue: string, which: WhichRuns): AsyncGenerator<RunKey> {
  const { db, residency, leftOut } = sides
  for await (const runKey of allRunKeysOfBoth(sides, taskQueue, which)) {
    if (residency === undefined || residency.isHome(await workspaceOf(db, runKey))) yield runKey
    else leftOut?.(runKey)
  }
}

async function* allRunKeysOfBoth(
  { client, db, keys: dataKeys }: Sides,
  taskQueue: string,
  which: WhichRuns,
): AsyncGenerator<RunKey> {
  yield* runKeysIn(db, which)
  const told = new Set<RunKey>()
  for await (const { workflowId, runId } of client.workflow.list({ query: queryOf(taskQueue, which), pageSize: 200 })) {
    // Visibility does not tell to which run an execution belongs; most are the first of theirs.
    if (await isRunIn(db, runKeyOf(workflowId, runId), which)) continue
    const runKey = (await historyOf({ client, codec: historyCodec(db, dataKeys) }, workflowId, runId))?.runKey
    if (runKey === undefined || told.has(runKey) || (await isRunIn(db, runKey, which))) continue
    told.add(runKey)
    yield runKey
  }
}

/** The executions of some runs, as a visibility query. */
const queryOf = (taskQueue: string, { since, until, playbook }: WhichRuns): string =>
  [
    `TaskQueue = ${searchable(taskQueue)}`,
    ...(since === null ? [] : [`StartTime >= '${since.toISOString()}'`]),
    ...(until === null ? [] : [`StartTime < '${until.toISOString()}'`]),
    ...(playbook === null ? [] : [`WorkflowType = ${searchable(playbook)}`]),
  ].join(' AND ')

function searchable(value: string): string {
  const text = visibilityText(value)
  if (text === undefined) throw fail('request_invalid', `\`${value}\` cannot be searched for`)
  return text
}
