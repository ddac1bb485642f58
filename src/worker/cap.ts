import type { ThinkCall } from '../contract/calls.ts'
import { valueOfRun } from '../contract/derive.ts'
import type { Evidence } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import type { Money } from '../contract/money.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import { type ApprovedRaise, raiseDigestOf } from '../contract/raise.ts'
import { verifyEvidence } from '../identity/receipts.ts'
import type { RunRow } from '../ledger/runs.ts'
import { valueCapsOf } from '../policy/decide/caps.ts'
import type { Policy } from '../policy/types.ts'
import { requirementOf } from '../policy/decide/requirements.ts'
import { askersOf } from '../contract/principal.ts'
import { checkApprovals, type GuardStores } from './guard.ts'

/**
 * The most that a run may spend on models, in micro-dollars; `null`: no cap. It is that of the policy of the run's own
 * row. What the caller says can only raise it, and none of it is believed: a value needs a receipt, a raise an
 * approval. Fails with `run_unknown`, `warrant_mismatch`, `warrant_policy_unknown`, `receipt_invalid`, `approval_invalid`.
 */
export async function modelCapOf(
  { runKey, value, raises = [] }: ThinkCall,
  at: { readonly type: string; readonly contract: PlaybookContract },
  stores: GuardStores,
): Promise<number | null> {
  const run = await stores.findRun(runKey)
  if (run === undefined) throw fail('run_unknown', `no worker opened the run \`${runKey}\``)
  if (run.workflowType !== at.type) throw fail('warrant_mismatch', 'the run is of another workflow type')
  const policy = await stores.policyOf(run.policyDigest)
  if (policy === undefined) throw fail('warrant_policy_unknown', `nobody stored the policy ${run.policyDigest}`)
  const worth = value === undefined ? undefined : await worthOf(value, runKey, at.contract, stores)
  const { modelBudgetMicroUsd: cap } = valueCapsOf(policy, worth) ?? policy
  if (cap === null) return null
  let sofar = cap
  for (const raised of raises) sofar = await raisedTo(raised, sofar, run, policy, stores)
  return sofar
}

async function worthOf(
  value: Evidence,
  runKey: ThinkCall['runKey'],
  contract: PlaybookContract,
  stores: GuardStores,
): Promise<Money | undefined> {
  await verifyEvidence(value, runKey, (keyId) => stores.verifierOf(keyId))
  const { tool, kind } = value.receipt
  const of = contract.value?.of
  if (of?.name === tool && of.evidence.kind === kind) return valueOfRun(contract, value.output)
  throw fail('receipt_invalid', `the value of \`${contract.name}\` is not read by \`${tool}\``)
}

/** A cap after one more raise; no raise begins above what those before it have reached. */
async function raisedTo(
  { raise, approvals }: ApprovedRaise,
  cap: number,
  run: RunRow,
  policy: Policy,
  { witness }: Pick<GuardStores, 'witness'>,
): Promise<number> {
  const refuse = (what: string): Error => fail('approval_invalid', `the raise \`${raise.step}\` ${what}`)
  if (policy.budget.onExceeded !== 'ask') throw refuse('is not for the policy to ask for')
  if (raise.runKey !== run.runKey) throw refuse('is of another run')
  if (raise.limit !== 'model_budget') throw refuse('is of another limit')
  if (raise.policyDigest !== run.policyDigest) throw refuse('was asked for under another policy')
  const caps = [policy, ...(policy.budget.byValue ?? [])].map(({ modelBudgetMicroUsd }) => modelBudgetMicroUsd)
  if (raise.from > cap || !caps.includes(raise.to - raise.from)) throw refuse('is not by one cap of the policy')
  const asked = { step: raise.step, actionDigest: raiseDigestOf(raise) }
  const wanted = { run, requires: [requirementOf(policy)], askers: askersOf(run.principal) }
  await checkApprovals(approvals, asked, wanted, witness)
  return Math.max(cap, raise.to)
}
