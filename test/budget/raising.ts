import type { RunKey } from '../../src/contract/evidence.ts'
import { type ApprovedRaise, type Raise, raiseDigestOf } from '../../src/contract/raise.ts'
import { WORST_MICRO_USD } from './contracts.ts'

/** A raise of the model budget from $0.03 to $0.06, or another one, that ben has approved. */
export function raising(runKey: RunKey, policyDigest: Raise['policyDigest'], more: Partial<Raise> = {}): ApprovedRaise {
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
  const { step } = raise
  const said = { decision: 'approve', by: 'ben', comment: '', at: '2026-10-01T09:00:00.000Z' } as const
  return { raise, approval: { step, ...said, actionDigest: raiseDigestOf(raise), proof: 'unauthenticated' } }
}
