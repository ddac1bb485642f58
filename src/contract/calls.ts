import type { LedgerEntry, Preview, UndoWarrant, Warrant } from './action.ts'
import type { RunKey, StepResult } from './evidence.ts'
import type { Json } from './json.ts'
import type { PromptRecord } from './prompt.ts'

/** The argument of the local activity `countersign.openRun`. */
export interface OpenRunCall {
  readonly runKey: RunKey
  /** The start message as it came in; the host validates it. */
  readonly start: Json
}

/** The argument of a read: what is asked, and by which step of which run. */
export interface ReadCall {
  readonly runKey: RunKey
  readonly step: string
  readonly input: Json
}

/** The argument of `model.think`. */
export interface ThinkCall extends ReadCall {
  readonly thought: string
  /** What the budget of the run has left; `null`: no cap. */
  readonly remainingMicroUsd: number | null
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
