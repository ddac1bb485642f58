import type { Digest } from '../contract/digest.ts'
import type { FailureCode } from '../contract/failures.ts'
import type { ExportEnd } from '../audit/export/exporter.ts'
import type { NotificationEnd } from '../notify/notifier.ts'

/** How an attempt ended: `ok`, `cancelled` (by the run, or because the worker drains), or its failure code. */
export type AttemptEnd = 'ok' | 'cancelled' | FailureCode

/** An attempt of an activity. Ids are for logs; only `tool` and `playbook` are few enough to be labels of metrics. */
export interface Attempt {
  /** The tool or thought, `<tool>.preview`, `<tool>.undo`, `countersign.openRun` and the like; `unknown` for any other type. */
  readonly tool: string
  /** The workflow type where it is registered, else `unknown`. */
  readonly playbook: string
  readonly workflowId: string
  readonly runId: string
  readonly step: string
  /** From 1. */
  readonly attempt: number
  /** Whether it is a local activity. */
  readonly local: boolean
}

/**
 * What became of an effect: `done` now, `repeated` (the recorded answer was given again), `undone`, or `barred` (asked to
 * be undone before it happened, so that it never does).
 */
export type EffectChange = 'done' | 'repeated' | 'undone' | 'barred'

/** A call of a model, as its budget sees it. `refused`: it was beyond what is left, and not made. */
export type ModelCallEvent =
  | { readonly thought: string; readonly state: 'reserved' | 'refused' }
  | {
      readonly thought: string
      readonly state: 'settled'
      readonly microUsd: number
      readonly inputTokens: number
      readonly outputTokens: number
    }

/** What is in force for new runs, and whether the files say otherwise. */
export interface PolicyStanding {
  readonly inForce: readonly {
    readonly workflow: string
    readonly policyDigest: Digest
    /** Of the policy that decides beside it, without effect; `null`: there is none. */
    readonly candidateDigest: Digest | null
  }[]
  /** `null`: what is in the files is in force. */
  readonly trouble: PolicyTrouble | null
  /** How often the files are looked at, in milliseconds; 0: only at the start. */
  readonly refreshMs: number
}

/**
 * `invalid`: what is in the files cannot be in force; `not_stored`: it can, and the ledger did not take it, which is tried
 * again; `candidate_invalid`: a candidate cannot decide, and all else is in force.
 */
export interface PolicyTrouble {
  readonly why: 'invalid' | 'not_stored' | 'candidate_invalid'
  /** Each with file, line, column and what to do. They quote the files. */
  readonly problems: readonly string[]
}

/**
 * Is told what a host does, for metrics and logs: names, ids, codes and times; never an input, an output, or the words of
 * a failure. What it throws is dropped: no effect fails because somebody counts.
 */
export interface Observer {
  began?(attempt: Attempt): void
  ended?(attempt: Attempt, end: AttemptEnd, durationMs: number): void
  effect?(tool: string, change: EffectChange): void
  modelCall?(call: ModelCallEvent): void
  /** Told at the start, at each change, and at each look at the files that finds trouble. */
  policies?(standing: PolicyStanding): void
  /** What became of an attempt to tell people of a question, by the name of the channel. */
  notified?(channel: string, end: NotificationEnd): void
  /** What became of so many events of audit records, by the name of the sink; why they did not arrive holds no secret. */
  exported?(sink: string, end: ExportEnd, events: number, why: string | undefined): void
}

/** One observer that tells all of them. */
export const observers = (...all: readonly Observer[]): Observer => ({
  began: (attempt) => each(all, (one) => one.began?.(attempt)),
  ended: (attempt, end, durationMs) => each(all, (one) => one.ended?.(attempt, end, durationMs)),
  effect: (tool, change) => each(all, (one) => one.effect?.(tool, change)),
  modelCall: (call) => each(all, (one) => one.modelCall?.(call)),
  policies: (standing) => each(all, (one) => one.policies?.(standing)),
  notified: (channel, end) => each(all, (one) => one.notified?.(channel, end)),
  exported: (sink, end, events, why) => each(all, (one) => one.exported?.(sink, end, events, why)),
})

function each(all: readonly Observer[], tell: (one: Observer) => void): void {
  for (const one of all) {
    try {
      tell(one)
    } catch {
      // As the port says: what an observer throws is dropped.
    }
  }
}
