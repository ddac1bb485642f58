import { z } from 'zod'
import { type Action, type CandidateVerdict, type Decision, type DecideMessage, type Match, spoken } from './action.ts'
import type { Requirement } from './approving.ts'
import type { Digest } from './digest.ts'
import type { RunKey } from './evidence.ts'
import type { Facts } from './fact.ts'
import type { FailureCode } from './failures.ts'
import type { Json } from './json.ts'
import type { Principal } from './principal.ts'
import type { Raise } from './raise.ts'
import type { RunEnd, RunState, WaitingFor } from './states.ts'
import type { StopMark } from './stop.ts'

/**
 * The one argument of every playbook: what is asked for, and the statement that says who asks. Any SDK and Temporal's own
 * CLI can send it, with a statement that the gateway signed.
 */
export const startMessage = () => start

const start = z.strictObject({
  request: z.custom<Json>((value) => value !== undefined),
  statement: z.custom<Json>((value) => value !== undefined),
})
export type StartMessage = z.input<typeof start>

/** A step as operators read it. */
export interface TimelineEntry {
  /** Workflow time: ISO 8601, UTC. */
  readonly at: string
  readonly kind:
    | 'open'
    | 'read'
    | 'think'
    | 'plan'
    | 'act'
    | 'ask'
    | 'decide'
    | 'draft'
    | 'undo'
    | 'incident'
    | 'end'
    | 'note'
    /** What a candidate policy would have said otherwise. */
    | 'trial'
  readonly text: string
  readonly step?: string
}

/** A write of the run and what became of it. */
export interface EffectStatus {
  readonly step: string
  readonly tool: string
  readonly describe: string
  readonly state: 'running' | 'done' | 'undone' | 'stuck' | 'settled' | 'not_done'
  readonly reversible: boolean
}

/** What a run would have done, where its policy only suggests: nothing of it was done. */
export interface Draft {
  readonly step: string
  /** In one line: `refund $120.00 of payment pay_1042`. */
  readonly describe: string
  /** With what it would have changed, and how far each of its facts is trusted. */
  readonly action: Action
  /** What the policy says of it: every match, that of the level first. */
  readonly decision: Decision
}

/** What a run has used. */
export interface Spend {
  readonly modelMicroUsd: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly toolCalls: number
}

/** What hands the whole case to a person, or tells why somebody was told no. */
export interface Case {
  readonly code: FailureCode
  readonly message: string
  /** The rules that matched, where a policy decided. */
  readonly rules: readonly Match[]
  readonly facts: Facts
  readonly action: Action | null
  readonly by: string | null
  /** Where a candidate policy would have said otherwise. */
  readonly candidate?: CandidateVerdict
}

/** What `outcome` and `result()` answer: one shape for every end. */
export interface RunResult {
  readonly runKey: RunKey
  readonly playbook: string
  /** Of the request as it was sent; `null` when the run was never opened. */
  readonly requestDigest: Digest | null
  /** Who asked; `null` when the run was never opened. */
  readonly principal: Principal | null
  readonly state: RunEnd
  /** What the playbook returned, when it completed. */
  readonly outcome: Json
  /** Why it did not complete, or why it was undone. */
  readonly because: Case | null
  readonly effects: readonly EffectStatus[]
  /** Absent: none. Only a policy that suggests leads to any. */
  readonly drafts?: readonly Draft[]
  readonly spend: Spend
  readonly policyDigest: Digest | null
  /** Until when an operator can undo it: ISO 8601, UTC; `null` when there is no window. */
  readonly undoUntil: string | null
  /** When this was so: workflow time, ISO 8601, UTC. */
  readonly at: string
}

/** What people are asked about: an action, or a raise of a limit. */
export type Question =
  | { readonly about: 'action'; readonly action: Action; readonly decision: Decision }
  | { readonly about: 'limit'; readonly raise: Raise }

interface Asked {
  readonly step: string
  /** Who has to approve. */
  readonly requires: readonly Requirement[]
  /** Who has approved so far. */
  readonly approvedBy: readonly string[]
  /** What it still takes. */
  readonly missing: readonly Requirement[]
  readonly describe: string
  /** Of the action, or of the raise. */
  readonly actionDigest: Digest
  readonly askedAt: string
  /** ISO 8601, UTC; absolute, so that it survives resets and continue-as-new. */
  readonly deadline: string
}

/** A question that waits for people. */
export type PendingApproval = Asked & Question

/** What somebody said to a run, whether it counted or not: all of it stays on the record. */
export interface Attempt {
  readonly kind: 'decide' | 'undo' | 'resolve'
  readonly at: string
  readonly message: Json
  /** Who said it, where a host verified that; `null`: nobody knows. */
  readonly by: string | null
  /** Who it says that it is by, where nobody verified that. */
  readonly says?: string
  /** How that is known: `acr mfa at https://login.acme.example`. */
  readonly assurance: string | null
  /** What the question was about, in one line; `null`: nothing that waited, or no question. */
  readonly describe: string | null
  /** Of a decision that counted: what he was shown beside, one line each. */
  readonly saw?: readonly string[]
  readonly answer: Answer
}

/** What an operator has to settle. */
export interface Incident {
  readonly step: string
  readonly code: FailureCode
  readonly message: string
  readonly since: string
  /** With the code `stopped`: what the step met. */
  readonly stop?: StopMark
}

/** What the query `status` answers. */
export interface RunStatus {
  readonly runKey: RunKey
  readonly playbook: string
  readonly state: RunState
  readonly waitingFor: WaitingFor | null
  readonly principal: Principal | null
  /** That of the principal; before the run was opened, as its start says. */
  readonly workspace: string | null
  readonly request: Json
  readonly policyDigest: Digest | null
  /** Of the policy that decides beside it, on the record and without effect; `null`: none. */
  readonly candidateDigest: Digest | null
  /** Of the worker that opened this history of the run, with the build id of its bundle; `null` before that. */
  readonly kernelVersion: string | null
  readonly buildId: string | null
  /** What the policy asks to be exported and to where; nothing is exported yet. */
  readonly auditExport: string | null
  /** What else the policy asks for and nothing does yet, as people read it. */
  readonly notActedOn: readonly string[]
  readonly pending: readonly PendingApproval[]
  readonly attempts: readonly Attempt[]
  readonly incidents: readonly Incident[]
  readonly effects: readonly EffectStatus[]
  readonly timeline: readonly TimelineEntry[]
  readonly spend: Spend
  readonly undoUntil: string | null
  readonly result: RunResult | null
}

/** How `decide`, `undo` and `resolve` answer. A refusal is a result: it is in the history, and the run goes on. */
export type Answer =
  | { readonly accepted: true; readonly message: string }
  | { readonly accepted: false; readonly code: FailureCode; readonly message: string }

const comment = z.string().max(2000).default('')

/** What an operator sends to undo a completed run, by the update or the signal `undo`. */
export const undoMessage = () => undo

const undo = z.strictObject({ comment, ...spoken() })
export type UndoMessage = z.input<typeof undo>

/**
 * What an operator sends to settle an incident, by the update or the signal `resolve`: `retry` tries the stuck
 * compensation, or the step that was stopped, again; `settled` states that it was put right by hand, and ends a run that
 * was stopped.
 */
export const resolveMessage = () => resolve

const resolve = z.strictObject({
  step: z.string().min(1).max(200),
  resolution: z.enum(['retry', 'settled']),
  comment,
  ...spoken(),
})
export type ResolveMessage = z.input<typeof resolve>

export type { DecideMessage }
