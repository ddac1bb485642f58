import type { Approval } from './action.ts'
import type { Digest } from './digest.ts'
import type { RunKey } from './evidence.ts'
import type { FailureCode } from './failures.ts'
import type { Json, JsonObject } from './json.ts'
import type { Case, Attempt, EffectStatus, Spend, TimelineEntry } from './run.ts'
import type { Statement } from './statement.ts'
import type { RunEnd } from './states.ts'

/** What something that is not asked for again came to: an activity, a question to people, a resolution. */
export interface Entry {
  /** The activity id of a step or a preview, or the kernel's own name of a question. */
  readonly id: string
  readonly came:
    | { readonly to: Json }
    | { readonly failure: { readonly code: FailureCode; readonly message: string; readonly details: JsonObject } }
}

/** A question that waits, by the step that it is about: its deadline goes on. ISO 8601, UTC. */
export interface Waiting {
  readonly step: string
  readonly actionDigest: Digest
  readonly askedAt: string
  readonly deadline: string
  /** Of those who approved so far. */
  readonly approvals: readonly Approval[]
}

/** A question that was answered: nobody decides it again. */
export interface Decided {
  readonly step: string
  readonly by: string
}

/** A run whose playbook is over: what is left is to compensate, or to wait for its undo window to pass. */
export interface Settled {
  readonly ended: { readonly outcome: Json } | { readonly state: Exclude<RunEnd, 'completed'>; readonly because: Case }
  /** Registered compensations, in order. */
  readonly registered: readonly { readonly step: string; readonly tool: string; readonly input: Json }[]
  readonly effects: readonly EffectStatus[]
  readonly spend: Spend
  /** Milliseconds since 1970; `null`: the window has not begun. */
  readonly undoDeadline: number | null
  readonly undo: { readonly why: FailureCode; readonly by: string | null; readonly statement?: Statement } | null
}

/** What a run takes along into the execution in which it goes on. */
export interface Carried {
  readonly v: 1
  readonly journal: readonly Entry[]
  readonly waiting: readonly Waiting[]
  readonly decided: readonly Decided[]
  /** The nonces of the statements that were heard: none of them is heard again. */
  readonly counted: readonly string[]
  /** How many incidents waited. */
  readonly incidents: number
  readonly timeline: readonly TimelineEntry[]
  readonly attempts: readonly Attempt[]
  /** `null`: the playbook is still going, and is gone through again on the journal. */
  readonly settled: Settled | null
}

/** A host's signed statement that a run takes this along: nobody can start a run with a past that it did not have. */
export interface Seal {
  readonly v: 1
  readonly kind: 'seal'
  readonly runKey: RunKey
  /** Of `Carried`. */
  readonly digest: Digest
  readonly keyId: string
  readonly signature: string
}
