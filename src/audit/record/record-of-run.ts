import type { PayloadCodec } from '@temporalio/common'
import { type RunKey, workflowIdOf } from '../../contract/evidence.ts'
import { codeOf } from '../../contract/failures.ts'
import { attemptsAbout } from '../../ledger/attempts.ts'
import { type AuditedRun, auditedRun, workspaceOf } from '../../ledger/audited.ts'
import { bulkCodec } from '../../ledger/bulk-codec.ts'
import { dataKeysById } from '../../ledger/data-keys.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { erasedPayload, keyIdOf } from '../../privacy/codec.ts'
import type { DataKeys } from '../../privacy/data-keys.ts'
import { keptHistories } from '../kept-histories.ts'
import { historyCodec } from '../in-full.ts'
import type { LoggedSeal } from '../seal/log.ts'
import type { Sides } from '../sweep.ts'
import { keysIn } from './keys.ts'
import { recordOf } from './record-of.ts'
import type { AuditRecord, PublishedKeys, RecordInput } from './types.ts'

/**
 * Reads what stands in histories as far as this process can, and fails on nothing that it cannot: what is encrypted stays so without
 * data keys, and what was erased says that. `beside`: as that of `historyCodec`.
 */
export function recordCodec(
  db: LedgerDatabase,
  keys: DataKeys | undefined,
  beside: PayloadCodec = bulkCodec(db),
): PayloadCodec {
  if (keys !== undefined) return historyCodec(db, keys, beside)
  return {
    encode: (payloads, context) => beside.encode(payloads, context),
    async decode(payloads, context) {
      const there = await beside.decode(payloads, context)
      const named = await dataKeysById(
        db,
        there.flatMap((payload) => keyIdOf(payload) ?? []),
      )
      const destroyed = new Set(named.filter(({ wrapped }) => wrapped === null).map(({ keyId }) => keyId))
      return there.map((payload) => (destroyed.has(keyIdOf(payload) ?? '') ? erasedPayload() : payload))
    },
  }
}

/** What a record of a run is derived from, and where its histories were. */
export interface FoundInput extends RecordInput {
  /** The seal with which those were archived that Temporal does not have any more; `null`: it has all. */
  readonly archived: LoggedSeal | null
}

/**
 * All that a record of a run is derived from: its histories in Temporal, else in the archive, and what the ledger and the gateway's log have of
 * it. No histories: neither has one. Fails with `workspace_elsewhere`.
 */
export async function recordInputOf(sides: Sides, namespace: string, runKey: RunKey): Promise<FoundInput> {
  const { client, db, keys, residency } = sides
  residency?.check(await workspaceOf(db, runKey))
  const workflowId = workflowIdOf(runKey)
  const found = await keptHistories(
    { client, db },
    (beside) => recordCodec(db, keys, beside),
    runKey,
    (one) => one,
  )
  return {
    namespace,
    histories: found.histories.map(({ stored, opened }) => ({ stored, opened })),
    archived: found.archived,
    keys: await keysIn(db),
    ledger: await auditedRun(db, runKey, keys).catch(unread),
    gatewayLog: await attemptsAbout(db, { runKey, workflowId }),
  }
}

/** A ledger that is encrypted, like the histories beside it, is not compared. */
function unread(error: unknown): AuditedRun {
  if (codeOf(error) === 'keys_unavailable') return { run: undefined, effects: [] }
  throw error
}

/** How often the sides of an open run are read, at most. */
const MOST_READ = 3

/** A record, and where its histories were. */
export interface FoundRecord extends Pick<FoundInput, 'archived'> {
  readonly record: AuditRecord
}

/**
 * The record of a run as it is now; `undefined`: neither Temporal nor the archive has a history of it. An open one goes on between the reading of its
 * history and of the ledger, so it is read again where they differ. `keys`: the published ones; default: those of the ledger.
 */
export async function recordOfRun(
  sides: Sides,
  namespace: string,
  runKey: RunKey,
  keys?: PublishedKeys,
): Promise<FoundRecord | undefined> {
  for (let read = 1; ; read += 1) {
    const { archived, ...input } = await recordInputOf(sides, namespace, runKey)
    if (input.histories.length === 0) return undefined
    const record = await recordOf(keys === undefined ? input : { ...input, keys })
    const isSettled =
      archived !== null || record.state !== 'running' || !record.entries.some(({ kind }) => kind === 'difference')
    if (isSettled || read === MOST_READ) return { record, archived }
  }
}
