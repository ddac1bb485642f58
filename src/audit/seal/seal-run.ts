import type { Client } from '@temporalio/client'
import type { PayloadCodec } from '@temporalio/common'
import type { temporal } from '@temporalio/proto'
import { type Digest, digestOf } from '../../contract/digest.ts'
import { type RunKey, workflowIdOf } from '../../contract/evidence.ts'
import { codeOf } from '../../contract/failures.ts'
import { attemptsAbout } from '../../ledger/attempts.ts'
import { auditedRun, workspaceOf } from '../../ledger/audited.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { policyText } from '../../ledger/policies.ts'
import { findRun, type RunRow } from '../../ledger/runs.ts'
import { isEncrypted } from '../../privacy/codec.ts'
import type { Residency } from '../../privacy/residency.ts'
import { exportedHistories } from '../histories.ts'
import { digestOfBytes, historyBytes, historyDigest } from '../record/history-bytes.ts'
import { keysIn } from '../record/keys.ts'
import { recordOf } from '../record/record-of.ts'
import type { AuditRecord, RecordInput } from '../record/types.ts'
import { toldBy } from '../told.ts'
import { entryHash, membersOf, type SealedRun } from './bundle.ts'
import { PAYLOAD_TYPE } from './dsse.ts'
import { blobsOf, erasedIn, erasedSince } from './erased.ts'
import { appendSeal, archived, type LoggedSeal, sealsOf } from './log.ts'
import { rootOf, subtreesOf } from './merkle.ts'
import { historyIn, opened, payloadsIn, readingOf, statementsIn, textsIn } from './opened.ts'
import { buildIn, namedIn, policyIn } from './opened-under.ts'
import { type Before, type Seal, sealedText } from './sealed.ts'
import type { Signer } from './signer.ts'

type History = temporal.api.history.v1.IHistory

/** Where a run is, and who signs for it. */
export interface Sealing {
  readonly client: Client
  readonly db: LedgerDatabase
  readonly namespace: string
  readonly signer: Pick<Signer, 'seal'>
  /** Where workspaces are at home: a run that is at home elsewhere is not sealed here. */
  readonly residency?: Residency | undefined
}

/**
 * What came of sealing a run. `already`: nothing happened in it since it was sealed last, and none of its keys was destroyed. `altered`: Temporal
 * now tells otherwise of what was sealed, in these executions; nothing is sealed over that. `gone`: Temporal has no history of it.
 */
export type Sealed =
  | { readonly came: 'sealed'; readonly index: number; readonly state: string; readonly record: AuditRecord }
  | { readonly came: 'already'; readonly index: number; readonly state: string }
  | { readonly came: 'altered'; readonly runIds: readonly string[] }
  | { readonly came: 'gone' }

/** Reads nothing of what is kept beside histories: they are sealed as they are stored. */
const AS_STORED: PayloadCodec = { encode: async (payloads) => payloads, decode: async (payloads) => payloads }

/** How often a run is read that is sealed by others at the same time. */
const MOST_TRIES = 5

/**
 * Seals a run as it is now: its record and histories go into the log and the archive, once. A run that went on since it was sealed gets
 * a further seal, which names the one before; what Temporal no longer has of it is taken out of that one. Fails with `workspace_elsewhere`.
 * `runIds`: of its closed executions, where somebody knows them; default: visibility is asked.
 */
export async function sealRun(sealing: Sealing, runKey: RunKey, runIds?: readonly string[]): Promise<Sealed> {
  const { client, db, residency } = sealing
  residency?.check(await workspaceOf(db, runKey))
  for (let tries = 1; ; tries += 1) {
    const before = (await sealsOf(db, runKey)).at(-1)
    const known = before === undefined ? undefined : await archived(db, before.index)
    const found = await exportedHistories({ client, codec: AS_STORED }, runKey, runIds)
    const step = await stepFrom(
      db,
      known,
      found.map(({ stored }) => stored),
    )
    if (step.came !== 'on')
      return step.came === 'already' ? { ...step, index: before?.index ?? 0, state: before?.state ?? '' } : step
    const sealed = await sealHistories(
      sealing,
      runKey,
      step.histories,
      before === undefined ? undefined : { ...before, blobs: known?.blobs ?? {} },
    )
    const { record } = sealed
    const { state } = record
    const appended = await appendSeal(db, sealed, { stateDigest: stateOf(sealed), before: before?.index ?? null })
    if (appended.came === 'added') return { came: 'sealed', index: appended.index, state, record }
    if (appended.came !== 'moved') return { came: 'already', index: appended.index, state }
    if (tries === MOST_TRIES) throw new Error(`the run \`${runKey}\` is sealed by others again and again`)
  }
}

/** What a run was when it was sealed: which events it had, and what of it had been destroyed. */
function stateOf({ record: { executions }, erased }: Pick<SealedRun, 'record' | 'erased'>): Digest {
  const had = executions.map(({ runId, events, digest }) => ({ runId, events, digest }))
  return digestOf(erased.length === 0 ? had : { executions: had, erased })
}

type Step =
  | { readonly came: 'on'; readonly histories: readonly History[] }
  | { readonly came: 'already' }
  | { readonly came: 'gone' }
  | { readonly came: 'altered'; readonly runIds: readonly string[] }

/** What is there now, beside what was sealed before. */
async function stepFrom(db: LedgerDatabase, known: SealedRun | undefined, found: readonly History[]): Promise<Step> {
  if (known === undefined && found.length === 0) return { came: 'gone' }
  const step = eventsSince(known, found)
  if (known === undefined || step.came !== 'already') return step
  // Nothing happened in it; but what could be read may have been erased, and an auditor has to be told by whom he can believe.
  const isErased = (await erasedSince(db, known)).length > 0
  return isErased ? { came: 'on', histories: known.histories.map(({ history }) => historyIn(history)) } : step
}

function eventsSince(known: SealedRun | undefined, found: readonly History[]): Step {
  const here = new Map(found.map((history) => [toldBy(history).runId, history]))
  const altered: string[] = []
  let isNew = false
  for (const [runId, history] of here) {
    const before = known?.record.executions.find((one) => one.runId === runId)
    const events = history.events ?? []
    if (before === undefined || events.length > before.events) isNew = true
    if (before === undefined || events.length < before.events) continue
    if (historyDigest({ events: events.slice(0, before.events) }) !== before.digest) altered.push(runId)
  }
  if (altered.length > 0) return { came: 'altered', runIds: altered }
  if (!isNew) return { came: 'already' }
  const kept = (known?.histories ?? []).flatMap(({ runId, history }) => {
    const now = here.get(runId)?.events?.length ?? 0
    const before = known?.record.executions.find((one) => one.runId === runId)?.events ?? 0
    return now >= before ? [] : [[runId, historyIn(history)] as const]
  })
  return { came: 'on', histories: [...new Map([...here, ...kept]).values()] }
}

/** Seals histories of a run, and puts them nowhere yet. */
export async function sealHistories(
  { db, namespace, signer }: Pick<Sealing, 'db' | 'namespace' | 'signer'>,
  runKey: RunKey,
  stored: readonly History[],
  before?: Pick<LoggedSeal, 'index' | 'envelope'> & Partial<Pick<SealedRun, 'blobs'>>,
): Promise<SealedRun> {
  const erased = await erasedIn(db, stored)
  const blobs = await blobsOf(db, stored, { archived: before?.blobs ?? {}, erased })
  // A ledger that is encrypted, as the histories beside it are, is not compared.
  const ledger = await auditedRun(db, runKey).catch((error: unknown) => {
    if (codeOf(error) === 'keys_unavailable') return undefined
    throw error
  })
  const run = ledger?.run ?? (await findRun(db, runKey))
  const workflowId = workflowIdOf(runKey)
  const gatewayLog = await attemptsAbout(db, { runKey, workflowId })
  const keys = await keysIn(db)
  return await sealOf(
    { namespace, stored, erased, blobs, keys, ledger, run, gatewayLog, policyOf: (digest) => policyText(db, digest) },
    signer,
    before === undefined ? null : { index: before.index, envelope: before.envelope },
  )
}

/** All that is sealed of a run, before it is put in order. */
export interface Gathered extends Pick<RecordInput, 'namespace' | 'keys' | 'gatewayLog'> {
  readonly ledger?: RecordInput['ledger'] | undefined
  readonly stored: readonly History[]
  /** Ids of data keys that were destroyed. */
  readonly erased: readonly string[]
  readonly blobs: Readonly<Record<string, string>>
  /** The row of the run in the ledger. */
  readonly run?: RunRow | undefined
  readonly policyOf: (digest: Digest) => Promise<string | undefined>
}

/** Derives the record of what was gathered, and has it signed. */
export async function sealOf(
  { stored, erased, blobs, keys: published, run, policyOf, ledger, ...input }: Gathered,
  signer: Pick<Signer, 'seal'>,
  before: Before | null,
  sealedAt: Date = new Date(),
): Promise<SealedRun> {
  const reading = readingOf({ blobs, erased, keys: published })
  const full = await Promise.all(stored.map((history) => opened(history, reading)))
  // What is encrypted may name any of them, and nobody could add one later.
  const isVeiled = full.flatMap(payloadsIn).some(isEncrypted)
  const keys = isVeiled ? published : namedIn(textsIn([...new Set([...stored, ...full])]), published)
  const kept = stored.map(written)
  const histories = stored.map((one, at) => ({ stored: one, opened: full[at] ?? one, digest: kept[at]?.digest }))
  const record = await recordOf({ ...input, ...(ledger !== undefined && { ledger }), histories, keys })
  const told = full.map(toldBy)
  const member = {
    histories: inOrder(record, kept),
    blobs,
    erased,
    policy: await policyIn(told, run, policyOf),
    statements: statementsIn(full),
    keys,
    build: buildIn(told, run),
  }
  const leaves = record.entries.map(entryHash)
  const { entries, ...rest } = record
  const seal: Seal = {
    record: rest,
    entries: entries.length,
    root: Buffer.from(await rootOf(subtreesOf(leaves), leaves.length)).toString('hex'),
    members: membersOf(member),
    sealedAt: sealedAt.toISOString(),
    before,
  }
  const payload = Buffer.from(sealedText(seal))
  const signature = await signer.seal(payload)
  return {
    v: 1,
    kind: 'countersign.bundle',
    record,
    leaves: leaves.map((hash) => Buffer.from(hash).toString('base64')),
    ...member,
    envelope: { payload: payload.toString('base64'), payloadType: PAYLOAD_TYPE, signatures: [signature] },
  }
}

function inOrder({ executions }: AuditRecord, stored: readonly Written[]): SealedRun['histories'] {
  const byDigest = new Map(stored.map((one) => [one.digest, one.bytes]))
  return executions.map(({ runId, digest }) => ({
    runId,
    history: Buffer.from(byDigest.get(digest) ?? []).toString('base64'),
  }))
}

interface Written {
  readonly digest: Digest
  readonly bytes: Uint8Array
}

/** A history as it is kept: written once, since that takes a good part of the time. */
function written(history: History): Written {
  const bytes = historyBytes(history)
  return { bytes, digest: digestOfBytes(bytes) }
}
