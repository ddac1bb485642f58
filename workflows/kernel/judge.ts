import {
  type Action,
  type CandidateVerdict,
  citationOf,
  type Decision,
  type Edit,
  type Preview,
} from '../../src/contract/action.ts'
import { contradictions, factsOfAction, missingEvidence, trustOfFacts } from '../../src/contract/derive.ts'
import type { Evidence, RunKey } from '../../src/contract/evidence.ts'
import type { Facts } from '../../src/contract/fact.ts'
import { failureOf } from '../../src/contract/failures.ts'
import type { Json } from '../../src/contract/json.ts'
import type { PlaybookContract } from '../../src/contract/playbook.ts'
import type { Reached } from '../../src/contract/reached.ts'
import type { Tool, WriteTool } from '../../src/contract/tool.ts'
import { unmetDemands } from '../../src/policy/decide/evidence.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { missingScopes } from '../../src/contract/principal.ts'
import type { OpenedRun } from '../../src/policy/types.ts'
import { type End, endWith } from './ends.ts'

/** One action on its way through the kernel. */
export interface Attempt {
  readonly step: string
  readonly tool: WriteTool
  readonly input: Json
  readonly evidence: readonly Evidence[]
  /** What a host found of limits over time when it was about to do it; absent: nothing yet. */
  readonly reached?: readonly Reached[]
  /** Who had it done otherwise than the playbook proposed; absent: nobody. */
  readonly edits?: readonly Edit[]
}

/** What the policy decided, and on which facts. */
export interface Ruling {
  readonly decision: Decision
  readonly facts: Facts
  readonly candidate?: CandidateVerdict
}

/** What evidence and policy say of one action: do it, ask first, draft it only, or end the run. */
export type Verdict = ({ readonly kind: 'go' | 'ask' | 'draft' } & Ruling) | { readonly kind: 'end'; readonly end: End }

type Beside = Pick<Ruling, 'candidate'>

/** What a candidate policy says of an action, where it is something else. `decide` is total, and nothing goes by this. */
function besideOf(
  candidate: OpenedRun['candidate'],
  { tool, reached }: Attempt,
  facts: Facts,
  { effect }: Decision,
): Beside {
  if (candidate === undefined) return {}
  const { policy, policyDigest } = candidate
  const decision = decide(policy, tool, facts, reached)
  return decision.effect === effect ? {} : { candidate: { policyDigest, decision } }
}

export const isListed = (contract: PlaybookContract, tool: Tool): boolean =>
  contract.tools.some((listed) => listed.name === tool.name)

export const notListed = (tool: Tool): End =>
  endWith('refused', 'tool_not_listed', `the playbook does not list \`${tool.name}\``)

/** What a principal may not have done, since it was not granted what the tool asks for; `undefined`: it may. */
export function notGranted(tool: Tool, { principal }: Pick<OpenedRun, 'principal'>): End | undefined {
  const missing = missingScopes(tool, principal)
  if (missing.length === 0) return undefined
  const { subject, workspace } = principal
  const scopes = missing.map((scope) => `\`${scope}\``).join(', ')
  return endWith(
    'refused',
    'scope_missing',
    `${subject} was not granted ${scopes} in ${workspace}, which \`${tool.name}\` asks for`,
  )
}

/** The action as it is shown to people, once a preview told what it would change. */
export const actionOf = (
  { step, tool, input, evidence, reached, edits }: Attempt,
  facts: Facts,
  run: { readonly runKey: RunKey } & Pick<OpenedRun, 'policyDigest'>,
  preview?: Preview,
): Action => ({
  runKey: run.runKey,
  step,
  tool: tool.name,
  input,
  facts,
  trust: trustOfFacts(tool, facts),
  evidence: evidence.map(citationOf),
  changes: preview?.changes ?? [],
  expect: preview?.expect ?? {},
  policyDigest: run.policyDigest,
  ...(reached === undefined ? {} : { reached }),
  ...(edits === undefined ? {} : { edits: edits.map(({ by, from }) => ({ by, from })) }),
})

const no = (end: End): Verdict => ({ kind: 'end', end })

/** How a run ends whose action does not cite, at a time, what it has to rest on; `undefined`: it does. */
export function ungrounded({ policy }: Pick<OpenedRun, 'policy'>, attempt: Attempt, atMs: number): End | undefined {
  const { step, tool, evidence } = attempt
  const missing = [
    ...missingEvidence(tool, evidence, policy.audit.logLevel === 'evidence'),
    ...unmetDemands(policy, tool, evidence, (at) => atMs - Date.parse(at)),
  ]
  if (missing.length === 0) return undefined
  return endWith('escalated', 'evidence_missing', `\`${step}\` does not cite ${missing.join(', ')}`)
}

/** Judges an action at a time. Pure, so that replaying the history proves each decision again. */
export function judge(contract: PlaybookContract, opened: OpenedRun, attempt: Attempt, atMs: number): Verdict {
  const { policy } = opened
  const { tool, input, evidence, reached } = attempt
  if (!isListed(contract, tool)) return no(notListed(tool))
  const ungranted = notGranted(tool, opened)
  if (ungranted !== undefined) return no(ungranted)
  const baseless = ungrounded(opened, attempt, atMs)
  if (baseless !== undefined) return no(baseless)
  let facts: Facts
  try {
    facts = factsOfAction(tool, input, evidence)
  } catch (error) {
    return no(endWith('refused', 'decision_failed', failureOf(error)?.message ?? String(error)))
  }
  const why = { facts, action: actionOf(attempt, facts, opened) }
  const against = contradictions(tool, input, evidence)
  if (against.length > 0) return no(endWith('escalated', 'evidence_unsupported', against.join('; '), why))
  const decision = decide(policy, tool, facts, reached)
  const beside = besideOf(opened.candidate, attempt, facts, decision)
  const rules = decision.matches
  const message = rules.map((match) => match.because).join('; ')
  switch (decision.effect) {
    case 'allow':
      return { kind: 'go', decision, facts, ...beside }
    case 'require_approval':
      return { kind: 'ask', decision, facts, ...beside }
    case 'suggest':
      return { kind: 'draft', decision, facts, ...beside }
    case 'deny':
      return no(endWith('refused', 'denied_by_policy', message, { ...why, rules, ...beside }))
    case 'escalate':
      return no(endWith('escalated', 'escalated_by_policy', message, { ...why, rules, ...beside }))
  }
}
