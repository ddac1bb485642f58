import {
  actionDigestOf,
  type Approval,
  type Change,
  citationOf,
  type Decision,
  inputDigestOf,
  type Warrant,
} from '../../src/contract/action.ts'
import { factsOfAction, missingEvidence, trustOfFacts } from '../../src/contract/derive.ts'
import type { Digest } from '../../src/contract/digest.ts'
import type { Evidence, RunKey } from '../../src/contract/evidence.ts'
import type { Facts, FactTrust } from '../../src/contract/fact.ts'
import type { Json, JsonObject } from '../../src/contract/json.ts'
import type { Principal } from '../../src/contract/principal.ts'
import type { WriteTool } from '../../src/contract/tool.ts'
import { decide } from '../../src/policy/decide/index.ts'
import type { Policy } from '../../src/policy/types.ts'
import { approvalBy } from '../support/people.ts'

/** An action, and the run in which somebody wants it. */
export interface Wanted {
  readonly runKey: RunKey
  readonly workflowType: string
  readonly step: string
  readonly tool: WriteTool
  readonly input: Json
  readonly evidence: readonly Evidence[]
  readonly principal: Principal
  readonly policy: Policy
  readonly policyDigest: Digest
  /** When it is issued, and approved: ISO 8601, UTC. Default: now. */
  readonly at?: string
}

/** What a forger says instead of what is so; the digests of the warrant are taken over it, so that they agree. */
export interface Lies {
  readonly facts?: Facts
  readonly trust?: FactTrust
  readonly decision?: Decision
  readonly changes?: readonly Change[]
  readonly expect?: JsonObject
  /** Of the one approval that there is. */
  readonly approvals?: (approval: Approval) => readonly Approval[]
}

/** The warrant that a kernel would issue for an action; Ben has approved it where the policy asks for that. */
export function issue(wanted: Wanted, lies: Lies = {}): Warrant {
  const { runKey, workflowType, step, tool, input, evidence, principal, policy, policyDigest } = wanted
  const { changes = [], expect = {} } = lies
  // Nothing can be derived from what is not cited.
  const derived = missingEvidence(tool, evidence, false).length > 0 ? {} : factsOfAction(tool, input, evidence)
  const facts = lies.facts ?? derived
  const trust = lies.trust ?? trustOfFacts(tool, facts)
  const decision = lies.decision ?? decide(policy, tool, facts)
  const cited = evidence.map(citationOf)
  const shown = { runKey, step, tool: tool.name, input, facts, trust, evidence: cited, changes, expect, policyDigest }
  const actionDigest = actionDigestOf(shown)
  const { at = new Date().toISOString() } = wanted
  const approval = approvalBy('ben@acme.example', { runKey, step, actionDigest }, principal.workspace, { at })
  const approvals = lies.approvals ?? ((one: Approval) => (decision.effect === 'require_approval' ? [one] : []))
  const { rollback } = policy
  const windowMinutes = rollback.enabled ? rollback.windowMinutes : null
  return {
    v: 1,
    kind: 'act',
    runKey,
    workflowType,
    step,
    tool: tool.name,
    principal,
    plan: null,
    policyDigest,
    inputDigest: inputDigestOf(tool.name, input),
    actionDigest,
    facts,
    trust,
    evidence,
    decision,
    approvals: approvals(approval),
    changes,
    expect,
    undo: tool.undo === null ? null : { does: tool.undo.does, windowMinutes },
    issuedAt: at,
  }
}
