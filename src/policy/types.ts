import type { Digest } from '../contract/digest.ts'
import type { EvidenceKind, RunKey } from '../contract/evidence.ts'
import type { Trust } from '../contract/fact.ts'
import type { Json } from '../contract/json.ts'
import type { Money } from '../contract/money.ts'
import type { Principal } from '../contract/principal.ts'
import type { Risk } from '../contract/tool.ts'

/** The closed set of operators, by the suffix that policies write. */
export const OPERATORS = [
  'eq',
  'ne',
  'gt',
  'gte',
  'lt',
  'lte',
  'in',
  'not_in',
  'contains',
  'contains_any',
  'starts_with',
  'exists',
] as const
export type Operator = (typeof OPERATORS)[number]

/** A value that a fact is compared with, converted to the fact's own type and unit. */
export type Operand = Money | number | boolean | string

/** One line of `requires_approval_if` or `deny_if`. */
export interface Trigger {
  /** `requires_approval_if.refund_amount_usd_gte`: where it stands in the file. */
  readonly id: string
  readonly fact: string
  readonly operator: Operator
  /** One operand, or the list of `in`, `not_in`, `contains` and `contains_any`. */
  readonly operands: readonly Operand[]
}

/** What a CEL expression can ask; `?:` has three parts, `in` its list behind the value, `neg` and `!` one part. */
export const CEL_OPERATORS = [
  '!',
  'neg',
  '+',
  '-',
  '*',
  '/',
  '%',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  '&&',
  '||',
  '?:',
  'contains',
  'startsWith',
  'endsWith',
  'size',
] as const
export type CelOperator = (typeof CEL_OPERATORS)[number]

/** A part of a CEL expression, as it was read and typed. `int`: a whole number in decimal digits, of money its cents. */
export type CelPart =
  | { readonly fact: string }
  | { readonly int: string }
  | { readonly literal: number | string | boolean }
  | { readonly op: CelOperator; readonly of: readonly CelPart[] }

/** A CEL expression that is true or false. */
export interface Expression {
  /** `rules.large_and_old.cel`: where it stands in the file. */
  readonly id: string
  /** As it stands in the file. */
  readonly text: string
  /** The facts that it names, each once; at least one. */
  readonly facts: readonly string[]
  /** What is computed: plain JSON, so that deciding needs no parser and a new version of it changes no open run. */
  readonly is: CelPart
}

/** What a rule asks of the facts of an action. `test` and `cel` of a fact that is not known are neither true nor false. */
export type Condition =
  | { readonly test: Trigger }
  | { readonly cel: Expression }
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }

/** A named rule, one entry of `rules`. It speaks of actions whose contract declares every fact that it asks of. */
export interface Rule {
  /** `rules.<id>`, by the file's own id: it stands on the record, so it is not renamed lightly. */
  readonly id: string
  readonly effect: 'deny' | 'escalate' | 'require_approval' | 'allow'
  readonly when: Condition
  /** In the words of whoever wrote the policy; `null`: the tests speak for themselves. */
  readonly because: string | null
  /** How many people have to approve, and in which groups they are; absent: as `approvals` says. */
  readonly quorum?: number
  readonly approvers?: readonly string[]
}

/** How much a run does by itself, the least first. */
export const AUTONOMY_LEVELS = ['suggest', 'execute_with_approvals', 'execute_under_policy'] as const
export type Autonomy = (typeof AUTONOMY_LEVELS)[number]

/** How far a fact has to be trusted, one line of `trust.at_least`. */
export interface TrustDemand {
  /** `trust.at_least.refund_amount_usd`: where it stands in the file. */
  readonly id: string
  readonly fact: string
  readonly trust: Trust
}

/** What writes have to rest on beside what their contracts need: one entry of `evidence`. */
export interface EvidenceDemand {
  readonly kind: Exclude<EvidenceKind, 'model'>
  /** The least risk of the writes that it is about. */
  readonly risk: Risk
  /** How old it may be when the write is scheduled; absent: any age. */
  readonly freshMinutes?: number
}

/** What a limit over time measures. Amounts are cents. */
export type Measure =
  /** Effects are counted, or what the fact `of` says of them is added up. */
  | { readonly kind: 'count' | 'sum'; readonly most: number }
  /** How unusual the fact `of` is; hundredths. `warmUp`: effects without which there is no score. */
  | {
      readonly kind: 'score'
      readonly atLeast: number
      readonly warmUp: number
      /** Absent: below the warm-up nothing is said. */
      readonly onWarmUp?: 'require_approval' | 'deny' | 'escalate'
    }

/** How much of what a tool does may stand within a sliding window, of each subject: one entry of `limits`. */
export interface WindowLimit {
  /** `limits.<id>`, by the file's own id: it stands on the record, and what was done is counted under it. */
  readonly id: string
  readonly tool: string
  /** Who is counted: `principal`, `workspace`, `playbook`, a subject of the tool or a text or enum fact of it. */
  readonly per: string
  readonly windowMinutes: number
  /** A money fact in US dollars; absent: effects are counted. */
  readonly of?: string
  readonly measure: Measure
  readonly onReached: 'require_approval' | 'deny' | 'escalate'
}

/** Caps for runs of at least a value. */
export interface ValueCaps extends Caps {
  readonly atLeast: Money<'USD'>
}

/** `null`: no cap. */
export interface Caps {
  readonly modelBudgetMicroUsd: number | null
  readonly maxToolCalls: number | null
}

/**
 * A policy as it was parsed: plain JSON, so that it stands in the history beside its text and both sides of
 * the sandbox decide by the same value.
 */
export interface Policy extends Caps {
  readonly workflow: string
  /** Absent: triggers and rules decide alone. */
  readonly autonomy?: Autonomy
  readonly budget: {
    readonly onExceeded: 'escalate' | 'refuse' | 'ask'
    /** In ascending order, each with both caps; absent: the same caps whatever a run is worth. */
    readonly byValue?: readonly ValueCaps[]
  }
  readonly denyIf: readonly Trigger[]
  readonly requiresApprovalIf: readonly Trigger[]
  /** In the order of the file; absent: none. */
  readonly rules?: readonly Rule[]
  /** In the order of the file; absent: none. The host measures them when it claims an effect. */
  readonly limits?: readonly WindowLimit[]
  readonly trust: {
    readonly atLeast: readonly TrustDemand[]
    /** What becomes of an action with a fact that is trusted less. */
    readonly onLess: 'require_approval' | 'deny' | 'escalate'
  }
  /** In the order of the file; absent: none. */
  readonly evidence?: readonly EvidenceDemand[]
  readonly approvals: {
    /** Minutes from the question to its absolute deadline. */
    readonly expiresMinutes: number
    readonly onTimeout: 'escalate' | 'refuse'
    /** How many people have to approve; absent: one. */
    readonly quorum?: number
    /** The groups that approvers are in; absent: any. */
    readonly who?: readonly string[]
    /** `accept`: a name without a statement counts, on hosts that were started for development; absent: it does not. */
    readonly unsigned?: 'accept' | 'refuse'
    /** Minutes from the question, ascending, before the deadline. */
    readonly remindersMinutes?: readonly number[]
  }
  readonly audit: {
    readonly logLevel: 'evidence' | 'standard'
    /** Where records of its runs are exported to; `null`: nowhere. */
    readonly export: string | null
    /** Not acted on yet; nor is what follows. */
    readonly retentionDays?: number
    /** Names of fields. */
    readonly redaction?: readonly string[]
  }
  /** Absent: what a run holds is kept until somebody has it erased. */
  readonly data?: {
    /** Days from when a run closed, by the policy that it was opened under. */
    readonly retainDays: number
  }
  readonly rollback: {
    readonly enabled: boolean
    readonly windowMinutes: number
    /** The groups that may undo a completed run and resolve incidents; absent: whoever is in the workspace. */
    readonly who?: readonly string[]
  }
}

/**
 * What `openRun` answers, and so what stands in the history: the run is judged for ever by the policy that
 * was pinned here.
 */
export interface OpenedRun {
  readonly runKey: RunKey
  readonly principal: Principal
  /** The request as the playbook's schema read it. */
  readonly request: Json
  readonly policy: Policy
  readonly policyText: string
  readonly policyDigest: Digest
  /** A policy that decides beside it, on the record and without effect; absent: none. */
  readonly candidate?: { readonly policy: Policy; readonly policyText: string; readonly policyDigest: Digest }
  /** Of the start message: see `RunResult`. */
  readonly requestDigest: Digest
  /** The thoughts, by name, that plain code answered where the run was opened: asked for as local activities. */
  readonly plainThoughts: readonly string[]
  /** Whether people are told of questions where the run was opened; absent: they are not. */
  readonly notifies?: true
  /** Of the worker that opened this history of the run, with the build id of its bundle. */
  readonly kernelVersion: string
  readonly buildId: string
}
