import type { Info } from '@temporalio/activity'
import {
  actionDigestOf,
  type Approval,
  citationOf,
  type Edit,
  inputDigestOf,
  undoPathOf,
  type Warrant,
} from '../contract/action.ts'
import { missingText, type Requirement, type Standing, unmet } from '../contract/approving.ts'
import { contradictions, factsOfAction, missingEvidence, trustOfFacts } from '../contract/derive.ts'
import { canonicalJson, type Digest, digestOfText } from '../contract/digest.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail, type FailureCode, failureOf, failureRule } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import { askersOf, sameName } from '../contract/principal.ts'
import type { Identity, Statement, Use } from '../contract/statement.ts'
import type { WriteTool } from '../contract/tool.ts'
import type { Verify } from '../identity/host-key.ts'
import { verifyReached } from '../identity/reached.ts'
import { verifyEvidence } from '../identity/receipts.ts'
import type { RunRow } from '../ledger/runs.ts'
import { unmetDemands } from '../policy/decide/evidence.ts'
import { decide } from '../policy/decide/index.ts'
import { requirementsOf } from '../policy/decide/requirements.ts'
import type { Policy } from '../policy/types.ts'

/** What the guard asks of the host; each answers from the host's own stores, never from the message. */
export interface GuardStores {
  findRun(runKey: RunKey): Promise<RunRow | undefined>
  policyOf(digest: Digest): Promise<Policy | undefined>
  /** Verifies what the host with a key signed; `undefined`: nobody published that key. */
  verifierOf(keyId: string): Promise<Verify | undefined>
  /** The first run id of the chain that a run id belongs to, as Temporal's server says. */
  firstRunIdOf(workflowId: string, runId: string): Promise<string | undefined>
  readonly witness: WitnessOfGuard
}

/** Who said something, and for whom he speaks. */
export interface HeardOf {
  readonly who: Identity
  readonly standing: Standing
}

/** What the guard asks about those who said something. */
export interface WitnessOfGuard {
  /** Who said it, and for whom he speaks now; fails where no host heard it for this run, or it does not say this. */
  heard(given: Statement, use: Use, runKey: RunKey): Promise<HeardOf>
}

type Place = Pick<Info, 'inWorkflow' | 'isLocal' | 'workflowType' | 'workflowExecution' | 'activityId' | 'activityType'>

/**
 * How far the clocks of Temporal's own machines and of hosts may be apart: an approval bears workflow time, and a receipt that of a host;
 * both are compared with the time at which Temporal scheduled the write.
 */
const CLOCKS_APART_MS = 60_000

const refuse = (code: FailureCode, message: string): Error => fail(code, message)
const same = (left: unknown, right: unknown): boolean => canonicalJson(left) === canonicalJson(right)

/** The playbook in which an activity was called; fails with `outside_workflow`. */
export function playbookAt(
  place: Place,
  playbooks: ReadonlyMap<string, PlaybookContract>,
): { readonly type: string; readonly contract: PlaybookContract; readonly workflowId: string; readonly runId: string } {
  const { inWorkflow, workflowType, workflowExecution } = place
  if (!inWorkflow || workflowExecution === undefined || workflowType === undefined) {
    throw refuse('outside_workflow', `\`${place.activityType}\` was called outside a playbook`)
  }
  const contract = playbooks.get(workflowType)
  if (contract === undefined) {
    throw refuse('outside_workflow', `\`${workflowType}\` is no playbook of this worker`)
  }
  return { type: workflowType, contract, ...workflowExecution }
}

/** The parts of a run key; fails with `warrant_mismatch` unless it is one of this workflow id. */
function firstRunIdIn(runKey: RunKey, workflowId: string): string {
  const at = runKey.lastIndexOf('/')
  if (at < 1 || runKey.slice(0, at) !== workflowId) {
    throw refuse('warrant_mismatch', `the run key is not of the workflow \`${workflowId}\``)
  }
  return runKey.slice(at + 1)
}

/** Checks that a run id belongs to the chain of a run key: itself, a reset of it, or a continuation. */
export async function checkChain(
  runKey: RunKey,
  place: { readonly workflowId: string; readonly runId: string },
  stores: Pick<GuardStores, 'firstRunIdOf'>,
): Promise<void> {
  const first = firstRunIdIn(runKey, place.workflowId)
  if (first === place.runId) return
  if ((await stores.firstRunIdOf(place.workflowId, place.runId)) !== first) {
    throw refuse('warrant_mismatch', `the run \`${place.runId}\` does not belong to \`${runKey}\``)
  }
}

/** Checks where a write or an undo was called, and that `openRun` knows its run. Returns the run's row. */
export async function checkPlace(
  place: Place,
  warrant: {
    readonly runKey: RunKey
    readonly step: string
    readonly tool: string
    readonly workflowType: string
    readonly policyDigest: Digest
  },
  playbooks: ReadonlyMap<string, PlaybookContract>,
  stores: GuardStores,
): Promise<RunRow> {
  const at = playbookAt(place, playbooks)
  if (place.isLocal) throw refuse('outside_workflow', 'a write does not run as a local activity')
  if (!at.contract.tools.some((listed) => listed.name === warrant.tool)) {
    throw refuse('tool_not_listed', `\`${at.type}\` does not list \`${warrant.tool}\``)
  }
  if (warrant.workflowType !== at.type) throw refuse('warrant_mismatch', 'it is for another workflow type')
  if (warrant.step !== place.activityId) throw refuse('warrant_mismatch', 'it is for another step')
  await checkChain(warrant.runKey, at, stores)
  const run = await stores.findRun(warrant.runKey)
  if (run === undefined) throw refuse('run_unknown', `no worker opened the run \`${warrant.runKey}\``)
  if (run.workflowType !== at.type) throw refuse('warrant_mismatch', 'the run is of another workflow type')
  if (run.policyDigest !== warrant.policyDigest) {
    throw refuse('warrant_mismatch', 'the run was opened under another policy')
  }
  return run
}

/**
 * Checks a warrant before a system of record is touched, and believes none of it: digests are computed again,
 * receipts verified, facts derived, the policy looked up and the action decided again, approvals examined.
 * `scheduledAtMs`: when Temporal scheduled the write first, whatever attempt this is.
 * Each refusal is a typed final failure; a store that does not answer is retryable.
 */
export async function checkWarrant(
  warrant: Warrant,
  tool: WriteTool,
  input: Json,
  run: RunRow,
  stores: GuardStores,
  scheduledAtMs: number,
): Promise<void> {
  if (warrant.tool !== tool.name) throw refuse('warrant_mismatch', 'it is for another tool')
  if (inputDigestOf(tool.name, input) !== warrant.inputDigest) {
    throw refuse('warrant_mismatch', 'the input is not the one it was issued for')
  }
  if (!same(warrant.principal, run.principal)) {
    throw refuse('warrant_mismatch', 'the principal is not the one who opened the run')
  }
  const policy = await stores.policyOf(warrant.policyDigest)
  if (policy === undefined) {
    throw refuse('warrant_policy_unknown', `nobody stored the policy ${warrant.policyDigest}`)
  }
  for (const evidence of warrant.evidence) {
    await verifyEvidence(evidence, warrant.runKey, (keyId) => stores.verifierOf(keyId))
  }
  const { reached } = warrant
  for (const found of reached ?? []) await verifyReached(found, warrant, (keyId) => stores.verifierOf(keyId))
  const lacking = [
    ...missingEvidence(tool, warrant.evidence, policy.audit.logLevel === 'evidence'),
    ...contradictions(tool, input, warrant.evidence),
  ]
  if (lacking.length > 0) throw refuse('warrant_decision_differs', `the evidence: ${lacking.join('; ')}`)
  const ageMsOf = (at: string): number => scheduledAtMs - Date.parse(at) - CLOCKS_APART_MS
  const lacks = unmetDemands(policy, tool, warrant.evidence, ageMsOf)
  if (lacks.length > 0) {
    throw refuse('evidence_missing', `\`${warrant.step}\` did not cite ${lacks.join(', ')} when it was scheduled`)
  }
  const facts = factsOfAction(tool, input, warrant.evidence)
  const decision = decide(policy, tool, facts, reached)
  if (!same(facts, warrant.facts) || !same(decision, warrant.decision)) {
    throw refuse('warrant_decision_differs', `the host decides \`${decision.effect}\` on other facts or rules`)
  }
  if (!same(undoPathOf(tool, policy.rollback), warrant.undo)) {
    throw refuse('warrant_mismatch', 'the undo path is not the one of tool and policy')
  }
  const trust = trustOfFacts(tool, facts)
  if (!same(trust, warrant.trust))
    throw refuse('warrant_mismatch', 'the trust of its facts is not that of the contract')
  const actionDigest = actionDigestOf({
    runKey: warrant.runKey,
    step: warrant.step,
    tool: tool.name,
    input,
    facts,
    trust,
    evidence: warrant.evidence.map(citationOf),
    changes: warrant.changes,
    expect: warrant.expect,
    policyDigest: warrant.policyDigest,
    ...(reached === undefined ? {} : { reached }),
    ...(warrant.edits === undefined ? {} : { edits: warrant.edits.map(({ by, from }) => ({ by, from })) }),
  })
  if (actionDigest !== warrant.actionDigest) {
    throw refuse('warrant_mismatch', 'the action digest is not that of the action')
  }
  const { edits = [] } = warrant
  if (edits.length > 0) await checkEdits(edits, warrant, run, stores.witness)
  switch (decision.effect) {
    case 'allow':
      return
    case 'require_approval': {
      const askers = [...askersOf(run.principal), ...edits.map(({ by }) => by)]
      const requires = requirementsOf(policy, decision)
      await checkApprovals(warrant.approvals, warrant, { run, requires, askers }, stores.witness)
      checkAge(warrant.approvals, policy.approvals.expiresMinutes, scheduledAtMs)
      return
    }
    case 'deny':
    case 'escalate':
    case 'suggest':
      throw refuse('warrant_decision_differs', `the policy says \`${decision.effect}\``)
  }
}

/** What approvals have to be of, and by whom. */
export interface Wanted {
  readonly run: RunRow
  readonly requires: readonly Requirement[]
  /** Those who asked for it, of whom nobody decides. */
  readonly askers: readonly string[]
}

const invalid = (what: string): Error => refuse('approval_invalid', what)

/**
 * Approvals of this very step and action digest, each proved by a statement that a host heard for this run, by distinct people who did
 * not ask for it and who may decide it now, as many as it takes; fails with `approval_invalid`.
 */
export async function checkApprovals(
  approvals: readonly Approval[],
  asked: { readonly step: string; readonly actionDigest: Digest },
  { run, requires, askers }: Wanted,
  witness: WitnessOfGuard,
): Promise<void> {
  if (approvals.length === 0) throw invalid('the action was not approved')
  const voices = await Promise.all(
    approvals.map(async (approval) => {
      const { by, comment } = approval
      const flaw = flawOf(approval, asked, askers)
      if (flaw !== undefined) throw invalid(`an approval by ${by} ${flaw}`)
      const about = {
        kind: 'decide',
        runKey: run.runKey,
        step: asked.step,
        actionDigest: asked.actionDigest,
        decision: 'approve',
        commentDigest: digestOfText(comment),
      } as const
      const use = { about, workspace: run.principal.workspace }
      const standing = await proved(`an approval by ${by}`, approval, use, run.runKey, witness)
      return { by, standing }
    }),
  )
  const open = unmet(requires, voices, askers)
  if (open.length > 0) throw invalid(`it still needs ${missingText(requires, open)}`)
}

/** The standing of somebody who said something; fails with `approval_invalid` where his statement does not prove it. */
async function proved(
  what: string,
  said: { readonly by: string; readonly statement: Statement },
  use: Use,
  runKey: RunKey,
  witness: WitnessOfGuard,
): Promise<Standing> {
  try {
    const { who, standing } = await witness.heard(said.statement, use, runKey)
    if (who.subject !== said.by) throw invalid('its statement is of somebody else')
    if (who.kind !== 'user') throw invalid('it is by no person')
    return standing
  } catch (error) {
    const failure = failureOf(error)
    if (failure === undefined || failureRule(failure.code).retryable) throw error
    const { code, message } = failure
    throw invalid(code === 'approval_invalid' ? `${what}: ${message}` : `${what}: ${message} (${code})`)
  }
}

/** Each change of the action is proved by a statement, and they lead to what is to be done; fails with `approval_invalid`. */
async function checkEdits(
  edits: readonly Edit[],
  warrant: Pick<Warrant, 'step' | 'inputDigest'>,
  run: RunRow,
  witness: WitnessOfGuard,
): Promise<void> {
  for (const [index, edit] of edits.entries()) {
    const next = edits[index + 1]?.from ?? warrant.inputDigest
    if (edit.to !== next) throw invalid(`the change by ${edit.by} is not to what is done`)
    const { about } = edit.statement
    if (about.kind !== 'decide') throw invalid(`the statement of a change by ${edit.by} is about something else`)
    const { runKey, principal } = run
    const said = {
      ...about,
      runKey,
      step: warrant.step,
      decision: 'change',
      inputDigest: edit.to,
      commentDigest: digestOfText(edit.comment),
    } as const
    const use = { about: said, workspace: principal.workspace }
    await proved(`a change by ${edit.by}`, edit, use, runKey, witness)
  }
}

/**
 * An approval is for now: the kernel schedules the write as soon as it is given. One that was older than the policy lets
 * people wait is of another day, after a reset for example; one of the future is made up. Later attempts of a write that
 * was scheduled in time are the same warrant, however long an outage lasts. Fails with `approval_invalid`.
 */
function checkAge(approvals: readonly Approval[], expiresMinutes: number, scheduledAtMs: number): void {
  for (const { by, at, statement } of approvals) {
    // The run says when it took it; that nobody dates an old one anew, says when it was signed. One for development proves nothing, and its
    // clock is not that of a test server that skips days.
    const signedMs = statement.who.development ? Infinity : Date.parse(statement.issuedAt)
    const ageMs = scheduledAtMs - Math.min(Date.parse(at), signedMs)
    const isOfTheFuture = Date.parse(at) > scheduledAtMs + CLOCKS_APART_MS
    const isInTime = ageMs >= -CLOCKS_APART_MS && ageMs <= expiresMinutes * 60_000 + CLOCKS_APART_MS
    const flaw = isOfTheFuture ? 'is of the future' : 'had expired when the write was scheduled'
    // What is no time compares as neither.
    if (isOfTheFuture || !isInTime) throw refuse('approval_invalid', `an approval by ${by} ${flaw}`)
  }
}

/** What keeps an approval from being one of what was asked; `undefined`: nothing. */
function flawOf(
  approval: Approval,
  asked: { readonly step: string; readonly actionDigest: Digest },
  askers: readonly string[],
): string | undefined {
  if (approval.decision !== 'approve') return 'is none'
  if (approval.actionDigest !== asked.actionDigest) return 'is of another action'
  if (approval.step !== asked.step) return 'is of another step'
  if (askers.some((one) => sameName(one, approval.by))) return 'is by the requester'
  return undefined
}
