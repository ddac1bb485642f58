import type { Digest } from './digest.ts'
import type { Json } from './json.ts'

/** What kind of source a step read. `model` is a model's reading: it can be cited, but it bears nothing out alone. */
export const EVIDENCE_KINDS = ['record', 'url', 'log', 'query', 'document', 'model'] as const
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number]

/** Workflow id and first execution run id: it survives reset and continue-as-new, which the run id does not. */
export type RunKey = `${string}/${string}`

export const runKeyOf = (workflowId: string, firstExecutionRunId: string): RunKey =>
  `${workflowId}/${firstExecutionRunId}`

/** The workflow id in a run key. */
export const workflowIdOf = (runKey: string): string => runKey.slice(0, runKey.lastIndexOf('/'))

/**
 * The host's signed statement of what a step returned. `asked` repeats the input of a step whose input is not
 * in the history (a local read); elsewhere only its digest stands here.
 */
export interface Receipt {
  readonly v: 1
  readonly runKey: RunKey
  /** The step id, such as `billing.getOrder-1`. */
  readonly step: string
  readonly tool: string
  /** The subject for whom it was done, and the scopes that the tool asked for. */
  readonly by: string
  readonly scopes: readonly string[]
  readonly inputDigest: Digest
  readonly asked?: Json
  readonly outputDigest: Digest
  /** What was read, as evidence: `order/ord_1042`. */
  readonly kind: EvidenceKind
  readonly reference: string
  /** When the host had the result: ISO 8601, UTC. */
  readonly at: string
  readonly keyId: string
  /** Ed25519 over the canonical JSON of all the rest, base64url. */
  readonly signature: string
}

/** A cited receipt with the output that it attests. */
export interface Evidence {
  readonly receipt: Receipt
  readonly output: Json
}

/** What a step gives back to the kernel. */
export interface StepResult {
  readonly output: Json
  readonly receipt: Receipt
  /**
   * Set when the run is not the first of its chain: it was reset, and the ledger may know effects that this
   * history does not.
   */
  readonly resumed?: true
}
