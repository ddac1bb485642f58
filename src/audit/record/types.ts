import type { temporal } from '@temporalio/proto'
import type { Digest } from '../../contract/digest.ts'
import type { RunKey } from '../../contract/evidence.ts'
import type { JsonObject } from '../../contract/json.ts'
import type { Attempt } from '../../ledger/attempts.ts'
import type { AuditedRun } from '../../ledger/audited.ts'

/** What an entry of a record is about; entries that rest on one event stand in this order. Wire names: they stand in sealed records. */
export const ENTRY_KINDS = [
  'execution',
  'request',
  'principal',
  'policy',
  'plan',
  'source',
  'model_call',
  'diff',
  'decision',
  'question',
  'approval',
  /** Somebody said something, and it was refused. */
  'attempt',
  'stop',
  'tool_call',
  'compensation',
  'undo',
  'incident',
  'state',
  /** Two sides do not agree. */
  'difference',
] as const
export type EntryKind = (typeof ENTRY_KINDS)[number]

/**
 * Who vouches for an entry. `signed`: a receipt or a statement that was verified with a published key. `server`: an event that Temporal itself made.
 * `claimed`: nobody proves it. `sealed`: its payload is encrypted, or kept elsewhere, and could not be read; `erased`: nobody can read it any more.
 */
export const PROOFS = ['signed', 'server', 'claimed', 'sealed', 'erased'] as const
export type Proof = (typeof PROOFS)[number]

/** An event of a history. */
export interface EventRef {
  readonly runId: string
  readonly eventId: number
}

/** One thing that the record says, with what it rests on. */
export interface Entry {
  /** 0, 1, 2 … */
  readonly seq: number
  readonly kind: EntryKind
  /** ISO 8601, UTC: that of the first of its events. */
  readonly at: string
  /** `null`: it is about the run. */
  readonly step: string | null
  /** What it rests on; empty only where it is a `difference` that no event tells. */
  readonly events: readonly EventRef[]
  readonly proof: Proof
  /** Who said or did it; `null`: nobody is named. */
  readonly by: string | null
  /** By kind: see `docs/audit.md`. What canonical JSON can say, and nothing else. */
  readonly says: JsonObject
  /** One sentence for a person. */
  readonly text: string
}

/** One execution of a run: a reset or a continuation gives it another. */
export interface RecordedExecution {
  readonly runId: string
  /** How many events its history has. */
  readonly events: number
  /** SHA-256 of its history as `historyBytes` writes it. */
  readonly digest: Digest
  /** ISO 8601, UTC; so is `closed`. */
  readonly began: string
  /** `null`: it is open. */
  readonly closed: string | null
  /** The event that closed it, such as `WorkflowExecutionTerminated`; `null`: it is open, or its history was not the whole of it. */
  readonly closedBy: string | null
}

/** All that the histories of a run say, in order. */
export interface AuditRecord {
  readonly v: 1
  readonly kind: 'countersign.record'
  readonly runKey: RunKey
  readonly workflowId: string
  /** The workflow type; `null`: no history tells. */
  readonly playbook: string | null
  readonly namespace: string
  /** In the order in which they began. */
  readonly executions: readonly RecordedExecution[]
  /** The state in which it ended; else `running`, `terminated`, `timed_out` or `cancelled`. */
  readonly state: string
  readonly entries: readonly Entry[]
}

type History = temporal.api.history.v1.IHistory

/** The history of one execution. */
export interface ExportedHistory {
  /** As Temporal stores or exports it: its digest is taken of this. */
  readonly stored: History
  /** The same with what is kept beside it, or encrypted in it, in its place (`inFull`). Default: as it is stored. */
  readonly opened?: History
  /** The digest of `stored`, where it was taken before. */
  readonly digest?: Digest | undefined
}

/** A key of a gateway, as `IssuerKey`, in JSON. Times are ISO 8601, UTC. */
export interface PublishedIssuer {
  readonly keyId: string
  /** PEM, SPKI. */
  readonly publicKey: string
  readonly issuer: string
  readonly development: boolean
  readonly validFrom: string
  readonly validTo: string | null
  readonly revokedAt: string | null
  readonly compromisedAt: string | null
}

/** The public keys with which receipts and statements are verified. JSON: a bundle holds it as it is. */
export interface PublishedKeys {
  /** Of hosts: PEM, SPKI, by key id. */
  readonly hosts: Readonly<Record<string, string>>
  readonly issuers: readonly PublishedIssuer[]
}

/** What a gateway was asked for: `attemptsSince`. */
export interface LoggedAttempt extends Attempt {
  readonly id: string
  readonly at: string
}

/** What a record is derived from. */
export interface RecordInput {
  /** No history says it. */
  readonly namespace: string
  /** Of one run, in any order. */
  readonly histories: readonly ExportedHistory[]
  readonly keys: PublishedKeys
  /** With it, what the ledger says otherwise is a `difference`. */
  readonly ledger?: AuditedRun
  /** With it, so is what the gateway says otherwise: all attempts, or those about this run. */
  readonly gatewayLog?: readonly LoggedAttempt[]
}
