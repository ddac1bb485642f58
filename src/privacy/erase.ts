import type { HostKey } from '../identity/host-key.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import {
  beginErasure,
  type Erasure,
  erasedRuns,
  lastCertificate,
  lastErasure,
  noteRefusedErasure,
  storeCertificate,
  unerasedIn,
  workflowsOf,
} from '../ledger/erasures.ts'
import { type Hold, holdOver, holdText, lockHolds } from '../ledger/holds.ts'
import { type Certificate, LEFT, signCertificate } from './certificates.ts'
import type { DataKeys } from './data-keys.ts'
import { type EraseParts, eraseWorkflow, holdTargetsOf, type WorkflowRef } from './erase-workflow.ts'

/** Erasing, and stating what was erased. */
export interface SigningParts extends EraseParts {
  readonly key: HostKey
}

/** What came of forgetting somebody. */
export type Erased =
  /** `isOver`: nothing waits. A certificate of before is answered where there was nothing left to do. */
  | { readonly came: 'erased'; readonly certificate: Certificate; readonly isOver: boolean }
  /** Nothing was erased; the refusal is on the record. */
  | { readonly came: 'held'; readonly hold: Hold }
  /** A hold came while it was under way: what `certificate` lists was erased before. */
  | { readonly came: 'stopped'; readonly hold: Hold; readonly certificate: Certificate }
  /** No data here is about anybody of this name. */
  | { readonly came: 'unknown' }

/**
 * Forgets somebody: all closed runs whose data is about him are erased now, those that are open once they have closed (`retain`). Begun
 * again after it was interrupted, it comes to the same end.
 */
export async function erase(
  parts: SigningParts & { readonly keys: DataKeys },
  { subject, reason, by }: { readonly subject: string; readonly reason: string; readonly by: string },
): Promise<Erased> {
  const { db, keys } = parts
  const subjectHash = await keys.hiddenName(subject)
  const said = { subjectHash, reason, by }
  const workflows = await workflowsOf(db, subjectHash)
  if (workflows.length === 0) return { came: 'unknown' }
  const hold = await refusedBy(db, workflows, said)
  if (hold !== undefined) return { came: 'held', hold }
  if ((await unerasedIn(db, workflows)).length === 0) {
    const before = await lastErasure(db, subjectHash)
    const certificate = before === undefined ? undefined : await lastCertificate(db, before.id)
    if (certificate !== undefined) return { came: 'erased', certificate, isOver: true }
  }
  return await goOn(parts, await beginErasure(db, said))
}

/** The hold that keeps somebody from being forgotten, which is then on the record; looked at together, so that none comes in between. */
async function refusedBy(
  db: LedgerDatabase,
  workflows: readonly WorkflowRef[],
  said: Pick<Erasure, 'subjectHash' | 'reason' | 'by'>,
): Promise<Hold | undefined> {
  return await db.transaction().execute(async (tx) => {
    await lockHolds(tx)
    const targets = [{ scope: 'subject', name: said.subjectHash } as const]
    const all = await Promise.all(workflows.map((one) => holdTargetsOf(tx, one)))
    const hold = await holdOver(tx, [...targets, ...all.flat()])
    if (hold !== undefined) await noteRefusedErasure(tx, said, holdText(hold))
    return hold
  })
}

const WHY = {
  open: 'it is open; it is erased once it has closed',
  elsewhere: 'it is in another namespace; a worker there erases it',
} as const

/** Erases what can be erased by now, and certifies it. */
export async function goOn(
  parts: SigningParts,
  erasure: Erasure,
): Promise<Exclude<Erased, { came: 'unknown' | 'held' }>> {
  const { db } = parts
  const waits = new Map<string, string>()
  let stoppedBy: Hold | undefined
  const erasing = { erasureId: erasure.id, why: `erasure ${erasure.id}` }
  for (const workflow of await workflowsOf(db, erasure.subjectHash)) {
    const result = await eraseWorkflow(parts, workflow, erasing)
    if (result.came === 'held') stoppedBy ??= result.hold
    if (result.came === 'open' || result.came === 'elsewhere') waits.set(workflow.workflowId, WHY[result.came])
    if (result.came === 'held') waits.set(workflow.workflowId, `a legal hold covers it: ${holdText(result.hold)}`)
  }
  const certificate = await certified(parts, erasure, waits)
  if (stoppedBy !== undefined) return { came: 'stopped', hold: stoppedBy, certificate }
  return { came: 'erased', certificate, isOver: waits.size === 0 }
}

/** States what was erased so far and what waits; the certificate of before where nothing has changed since. */
async function certified(
  { db, key }: SigningParts,
  erasure: Erasure,
  waits: ReadonlyMap<string, string>,
): Promise<Certificate> {
  const { id, subjectHash, reason, by, askedAt } = erasure
  return await db.transaction().execute(async (tx) => {
    const fresh = await erasedRuns(tx, id, 'uncertified')
    const before = await lastCertificate(tx, id)
    const isOver = waits.size === 0
    if (before !== undefined && fresh.ids.length === 0 && !isOver) return before
    const { ids, runs } = await erasedRuns(tx, id, 'all')
    const waiting = await waitingRuns(tx, waits)
    const certificate = signCertificate(key, {
      v: 1,
      kind: 'erasure',
      erasure: id,
      subject: subjectHash,
      reason,
      by,
      askedAt: askedAt.toISOString(),
      at: new Date().toISOString(),
      runs: [...runs],
      waiting: [...waiting],
      left: [...leftOf(runs)],
    })
    await storeCertificate(tx, certificate, { erasureId: id, ids, isOver })
    return certificate
  })
}

async function waitingRuns(tx: LedgerDatabase, waits: ReadonlyMap<string, string>) {
  if (waits.size === 0) return []
  const rows = await tx
    .selectFrom('countersign.runs')
    .select(['run_key', 'workflow_id'])
    .where('workflow_id', 'in', [...waits.keys()])
    .where('erased_at', 'is', null)
    .orderBy('run_key')
    .execute()
  return rows.map(({ run_key: runKey, workflow_id }) => ({ runKey, why: waits.get(workflow_id) ?? '' }))
}

/** What a certificate is not a word about. */
export const leftOf = (runs: readonly { readonly encrypted: boolean }[]): readonly string[] => [
  ...LEFT,
  ...(runs.every(({ encrypted }) => encrypted)
    ? []
    : ['Runs that are marked as not encrypted stay readable in their histories until Temporal deletes them.']),
]
