import type { Standing } from './approving.ts'
import type { LedgerEntry, Preview, UndoWarrant, Warrant } from './action.ts'
import type { Digest } from './digest.ts'
import type { Evidence, RunKey, StepResult } from './evidence.ts'
import type { Json } from './json.ts'
import type { FailureCode } from './failures.ts'
import type { PromptRecord } from './prompt.ts'
import type { ApprovedRaise } from './raise.ts'
import type { About, Statement } from './statement.ts'

/** The argument of the local activity `countersign.openRun`. */
export interface OpenRunCall {
  readonly runKey: RunKey
  /** The start message as it came in; the host validates it. */
  readonly start: Json
  /** Of what an execution takes up that goes on after another one; `seal` is a `Seal` if it is anything. */
  readonly continued?: { readonly digest: Digest; readonly seal: Json }
}

/** The argument of the local activity `countersign.seal`, which answers with a `Seal`. */
export interface SealCall {
  readonly runKey: RunKey
  /** Of the `Carried` that the run is about to take along. */
  readonly digest: Digest
}

/** The argument of the local activity `countersign.hear`: somebody says something to a run. */
export interface HearCall {
  readonly runKey: RunKey
  /** As the start message says it; counts only as long as the run is not opened. */
  readonly workspace: string | null
  /** What has to be said. */
  readonly about: Extract<About, { readonly kind: 'decide' | 'undo' | 'resolve' }>
  /** A `Statement` if it is anything; `null`: none came with it. */
  readonly statement: Json
  /** Who it is said to be, where no statement came with it. */
  readonly by: string | null
}

/** Who said it, as a host verified it; or why it does not count. */
export type Heard =
  | { readonly by: string; readonly standing: Standing; readonly statement: Statement }
  | { readonly refused: { readonly code: FailureCode; readonly message: string; readonly by: string | null } }

/** The argument of a read: what is asked, and by which step of which run. */
export interface ReadCall {
  readonly runKey: RunKey
  readonly step: string
  readonly input: Json
}

/** The argument of `model.think`. */
export interface ThinkCall extends ReadCall {
  readonly thought: string
  /** The receipt that tells what the run is worth, where the policy gives it a higher cap for that. */
  readonly value?: Evidence
  /** The raises of the model budget that people approved, in order. */
  readonly raises?: readonly ApprovedRaise[]
}

/** What a run has spent on models, over retries, resets and continuations, as the ledger has it. */
export interface ModelSpend {
  /** Settled, and set aside for calls of which nobody has told what they cost. */
  readonly modelMicroUsd: number
  /** Of settled calls. */
  readonly inputTokens: number
  readonly outputTokens: number
}

/** The argument of the local activity `countersign.spent`, which answers with a `ModelSpend`. */
export interface SpentCall {
  readonly runKey: RunKey
}

/** What calls of models used and cost: whole tokens, whole micro-dollars. */
export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly microUsd: number
}

/** The answer of `model.think`. Its usage is that of all calls of the attempt, a repair included. */
export interface ThinkResult extends StepResult, Usage {
  /** As the configuration names it; `deterministic`: plain code answered. */
  readonly model: string
  /** `null`: plain code answered, and no prompt was made. */
  readonly prompt: PromptRecord | null
  /** Of the run, after this attempt; it stands in the details of a failure too. Absent when no model was asked. */
  readonly spent?: ModelSpend
}

/** The answer of a preview; `known`: the ledger has this very step already, so there is nothing to show. */
export type PreviewResult = { readonly preview: Preview } | { readonly known: LedgerEntry }

/** The argument of a write. */
export interface WriteCallMessage {
  readonly input: Json
  readonly warrant: Warrant
}

/** The argument of an undo. */
export interface UndoCall {
  readonly warrant: UndoWarrant
}

/** The answer of an undo: what was done about the effect. */
export interface UndoResult {
  /** `undone`; `not_done`: it had not happened, and it is barred from happening now. */
  readonly state: 'undone' | 'not_done'
  readonly text: string
}

/** The argument of the local activity `countersign.recall`. */
export interface RecallCall {
  readonly runKey: RunKey
  /** One step, with its result; `null`: all steps of the run, without results. */
  readonly step: string | null
}
