import type { RunKey } from '../../src/contract/evidence.ts'
import { type ApprovedRaise, type Raise, raiseDigestOf } from '../../src/contract/raise.ts'
import { approvalBy } from '../support/people.ts'
import { WORST_MICRO_USD } from './contracts.ts'

/** A raise of the model budget from $0.03 to $0.06, or another one, that ben has approved. */
export function raising(
  runKey: RunKey,
  policyDigest: Raise['policyDigest'],
  more: Partial<Raise> = {},
  workspace = 'boxes',
): ApprovedRaise {
  const raise: Raise = {
    runKey,
    step: 'model_budget-1',
    limit: 'model_budget',
    from: 30_000,
    to: 60_000,
    used: 21_000,
    neededBy: 'box.ponder-1',
    needs: WORST_MICRO_USD,
    policyDigest,
    ...more,
  }
  const asked = { runKey, step: raise.step, actionDigest: raiseDigestOf(raise) }
  return { raise, approvals: [approvalBy('ben', asked, workspace)] }
}
