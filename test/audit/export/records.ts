import { randomUUID } from 'node:crypto'
import type { AuditRecord, Entry, EntryKind } from '../../../src/audit/record/types.ts'
import { digestOfText } from '../../../src/contract/digest.ts'
import type { RunKey } from '../../../src/contract/evidence.ts'
import { runKeyOf } from '../../../src/contract/evidence.ts'
import type { LedgerDatabase } from '../../../src/ledger/database.ts'
import { storePolicy } from '../../../src/ledger/policies.ts'
import { insertRun } from '../../../src/ledger/runs.ts'
import { enqueue } from '../../../src/audit/export/enqueue.ts'
import type { Contracts } from '../../../src/audit/export/redaction.ts'
import { runOf } from '../../worker/ledger-case.ts'

/** Nothing is known of any playbook. */
export const NO_CONTRACTS: Contracts = new Map()

/** One entry of a record; what it says, where nobody cares. */
export const entryOf = (seq: number, kind: EntryKind, more: Partial<Entry> = {}): Entry => ({
  seq,
  kind,
  at: new Date(Date.UTC(2026, 10, 27, 10, 0, seq)).toISOString(),
  step: null,
  events: [{ runId: 'run-1', eventId: seq + 1 }],
  proof: 'server',
  by: null,
  says: { number: seq },
  text: `It is entry ${seq}.`,
  ...more,
})

export const recordOf = (runKey: RunKey, entries: readonly Entry[]): AuditRecord => ({
  v: 1,
  kind: 'countersign.record',
  runKey,
  workflowId: runKey.slice(0, runKey.lastIndexOf('/')),
  playbook: 'boxes',
  namespace: 'default',
  executions: [],
  state: 'completed',
  entries,
})

/** A run that the ledger knows, under a policy with this section `audit`. */
export async function openedRun(db: LedgerDatabase, audit = '{ export: splunk }'): Promise<RunKey> {
  const runKey = runKeyOf(`boxes-${randomUUID()}`, 'run-1')
  const text = `workflow: boxes\naudit: ${audit}\n`
  const digest = digestOfText(text)
  await storePolicy(db, { digest, workflow: 'boxes', text })
  await insertRun(db, { ...runOf(runKey), policyDigest: digest })
  return runKey
}

/** A run with so many events in the outbox, for the sinks of this target. */
export async function enqueuedRun(db: LedgerDatabase, events: number, target = 'splunk'): Promise<RunKey> {
  const runKey = await openedRun(db, `{ export: ${target} }`)
  const entries = Array.from({ length: events }, (_, seq) => entryOf(seq, 'state'))
  await enqueue(db, recordOf(runKey, entries), NO_CONTRACTS)
  return runKey
}
