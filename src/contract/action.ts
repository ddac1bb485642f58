import { z } from 'zod'
import { type Digest, digestOf, isDigest } from './digest.ts'
import type { Evidence, EvidenceKind, RunKey, StepResult } from './evidence.ts'
import type { Facts, FactTrust, FactValue, Trust } from './fact.ts'
import type { FailureCode } from './failures.ts'
import type { Json, JsonObject } from './json.ts'
import type { Standing } from './approving.ts'
import { personName, type Principal } from './principal.ts'
import type { Reached } from './reached.ts'
import { type DecisionWord, DECISIONS, type Statement } from './statement.ts'
import type { WriteTool } from './tool.ts'

/** One field of a record that an action would change, as a person reads it. */
export interface Change {
  /** `payment/pay_1042` */
  readonly record: string
  readonly field: string
  readonly from: string
  readonly to: string
}

/** What a write would do, and the fields of the world that this rests on: the tool compares them when it acts. */
export interface Preview {
  readonly changes: readonly Change[]
  readonly expect: JsonObject
}

/** A citation as it stands in an action: enough to find the receipt, and to see that it was not exchanged. */
export interface Citation {
  readonly step: string
  readonly kind: EvidenceKind
  readonly reference: string
  readonly outputDigest: Digest
  readonly at: string
}

/** Everything that is shown of an action; its digest is what people approve. */
export interface Action {
  readonly runKey: RunKey
  readonly step: string
  readonly tool: string
  readonly input: Json
  readonly facts: Facts
  readonly trust: FactTrust
  readonly evidence: readonly Citation[]
  readonly changes: readonly Change[]
  readonly expect: JsonObject
  readonly policyDigest: Digest
  /** What a host found of limits over time; absent: none was reached. */
  readonly reached?: readonly Reached[]
  /** Who had it done otherwise than it was proposed, in order; absent: nobody. */
  readonly edits?: readonly Pick<Edit, 'by' | 'from'>[]
}

/** Somebody who was asked had the action done otherwise: he is one of those who asked for it from then on. */
export interface Edit {
  readonly by: string
  /** Of what was to be done before, by `inputDigestOf`. */
  readonly from: Digest
  /** Of what is to be done now. */
  readonly to: Digest
  readonly comment: string
  /** Workflow time: ISO 8601, UTC. */
  readonly at: string
  readonly statement: Statement
}

/** What the ledger compares: the tool and its input, whatever they rest on. */
export const inputDigestOf = (tool: string, input: Json): Digest => digestOf({ tool, input })

/** What people approve. */
export const actionDigestOf = (action: Action): Digest => digestOf(action)

export const citationOf = ({ receipt }: Evidence): Citation => ({
  step: receipt.step,
  kind: receipt.kind,
  reference: receipt.reference,
  outputDigest: receipt.outputDigest,
  at: receipt.at,
})

/**
 * What a rule does when it matches. Deny beats escalate beats suggest beats approval beats allow. `suggest`: the action is
 * drafted and never done.
 */
export type Effect = 'deny' | 'escalate' | 'suggest' | 'require_approval' | 'allow'

/** A rule that matched and the values that made it match. */
export interface Match {
  /** `requires_approval_if.refund_amount_usd_gte` */
  readonly rule: string
  readonly effect: Effect
  readonly fact?: string
  /** How far the fact is trusted: a rule that matched on a model's word is advisory. */
  readonly trust?: Trust
  readonly value?: FactValue
  /** What it was compared with. */
  readonly threshold?: Json
  /** `refund_amount_usd is $120.00 (a model's word), at least $50.00` */
  readonly because: string
}

/** What the policy says of an action, with every rule that matched, and not only the first. */
export interface Decision {
  readonly effect: Effect
  readonly matches: readonly Match[]
}

/**
 * What a candidate policy says of an action, where that is another effect than what the policy of the run says. It stands on
 * the record, and nothing goes by it.
 */
export interface CandidateVerdict {
  readonly policyDigest: Digest
  readonly decision: Decision
}

/** What a person sends, by the update or the signal `decide`. */
export const decideMessage = () => decide

/** What proves who says it: a statement of the gateway; without one, a name that counts only where a policy for development says so. */
export const spoken = () => said

const said = {
  statement: z.custom<Json>((value) => value !== undefined).optional(),
  by: personName().optional(),
}

const decide = z.strictObject({
  step: z.string().min(1).max(200),
  decision: z.enum(DECISIONS),
  comment: z.string().max(2000).default(''),
  actionDigest: z.custom<Digest>(isDigest, 'must be `sha256:` and 64 hex digits'),
  /** With `change`: what is to be done instead. */
  input: z.custom<Json>((value) => value !== undefined).optional(),
  ...said,
})
export type DecideMessage = z.input<typeof decide>
/** The same as it was read. */
export type Decide = z.output<typeof decide>

/** What one person said of one action digest, with the statement that proves it. */
export interface Approval {
  readonly step: string
  readonly decision: Exclude<DecisionWord, 'change'>
  /** The subject of the statement. */
  readonly by: string
  readonly comment: string
  readonly actionDigest: Digest
  /** Workflow time: ISO 8601, UTC. */
  readonly at: string
  /** As a host found it when it was said; it looks again when the warrant is used. */
  readonly standing: Standing
  readonly statement: Statement
}

/** How the effect can be undone, as it was known when the warrant was issued. */
export interface UndoPath {
  readonly does: string
  /** How long after completion an operator may have it undone; `null`: only the run itself undoes it. */
  readonly windowMinutes: number | null
}

/** How an effect of a tool can be undone under a policy; `null`: it cannot. */
export const undoPathOf = (
  { undo }: Pick<WriteTool, 'undo'>,
  rollback: { readonly enabled: boolean; readonly windowMinutes: number },
): UndoPath | null =>
  undo === null ? null : { does: undo.does, windowMinutes: rollback.enabled ? rollback.windowMinutes : null }

/** What lets one action run once: issued by the kernel, believed by nobody, checked by the host. */
export interface Warrant {
  readonly v: 1
  readonly kind: 'act'
  readonly runKey: RunKey
  readonly workflowType: string
  readonly step: string
  readonly tool: string
  readonly principal: Principal
  /** What the playbook said it would do; the last `run.plan` before the action. */
  readonly plan: string | null
  readonly policyDigest: Digest
  readonly inputDigest: Digest
  readonly actionDigest: Digest
  readonly facts: Facts
  readonly trust: FactTrust
  readonly evidence: readonly Evidence[]
  readonly decision: Decision
  /** As in `Action`. */
  readonly reached?: readonly Reached[]
  /** No part of the action digest, and no host looks at it. */
  readonly candidate?: CandidateVerdict
  readonly approvals: readonly Approval[]
  /** As in `Action`, with what proves them. */
  readonly edits?: readonly Edit[]
  readonly changes: readonly Change[]
  readonly expect: JsonObject
  /** `null`: there is none, and the contract says so. */
  readonly undo: UndoPath | null
  readonly issuedAt: string
}

/** What lets one effect be undone once. The host takes input and output of the effect from its own ledger. */
export interface UndoWarrant {
  readonly v: 1
  readonly kind: 'undo'
  readonly runKey: RunKey
  readonly workflowType: string
  /** The id of the undo itself: `billing.refund-1.undo`. */
  readonly step: string
  readonly undoes: string
  readonly tool: string
  readonly policyDigest: Digest
  readonly inputDigest: Digest
  /** Why: what ended the run, `undo_requested`, or `effect_abandoned` for a write that the playbook gave up. */
  readonly why: FailureCode
  readonly by: string | null
  /** With `undo_requested`: who asked for it. */
  readonly statement?: Statement
  readonly issuedAt: string
}

/**
 * `claimed`: an attempt has it, and has not let anything leave yet. `sent`: the request may have left. `done`. `unknown`:
 * nobody can tell whether it happened. `failed`: it has not happened, and may be tried again. `undone`. `barred`: it has
 * not happened and never will.
 */
export type LedgerState = 'claimed' | 'sent' | 'done' | 'unknown' | 'failed' | 'undone' | 'barred'

/** What the ledger knows of a step of a run. */
export interface LedgerEntry {
  readonly step: string
  readonly tool: string
  readonly state: LedgerState
  readonly input: Json
  readonly inputDigest: Digest
  readonly result: StepResult | null
}
