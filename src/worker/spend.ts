import { ApplicationFailure } from '@temporalio/activity'
import type { ModelSpend } from '../contract/calls.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { formatMicroUsd } from '../contract/money.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { modelSpendOf, reserveModelCall, settleModelCall } from '../ledger/model-calls.ts'
import type { Meter } from '../tools/implementation.ts'
import { failpoint } from './failpoints.ts'
import { withDetails } from './steps.ts'

/** The attempt of an activity whose model calls are metered. */
export interface Attempt {
  readonly runKey: RunKey
  readonly runId: string
  readonly step: string
  readonly attempt: number
}

/** A meter that keeps the spend of a run in the ledger, and knows whether it was asked. */
export interface RunMeter extends Meter {
  /**
   * What the run has spent. `undefined`, and the database not asked, when this attempt called no model; and when it does
   * not answer: what was paid for is not thrown away for that.
   */
  spent(): Promise<ModelSpend | undefined>
}

/** `capOf` answers with the most that the run may spend, in micro-dollars (`null`: no cap); asked once, and only for a call. */
export function meterOf(db: LedgerDatabase, of: Attempt, capOf: () => Promise<number | null>): RunMeter {
  let cap: Promise<number | null> | undefined
  let calls = 0
  return {
    async reserve(worst, what) {
      const call = ++calls
      const capMicroUsd = await (cap ??= capOf())
      await failpoint('spend.reserving')
      const reserved = await reserveModelCall(db, { ...of, call, what, microUsd: worst.microUsd }, capMicroUsd)
      if ('spent' in reserved) {
        const left = Math.max(0, (capMicroUsd ?? 0) - reserved.spent.modelMicroUsd)
        throw fail(
          'model_budget_exceeded',
          `${what} may cost ${formatMicroUsd(worst.microUsd)}, and ${formatMicroUsd(left)} is left; it was not made`,
          { worstCaseMicroUsd: worst.microUsd, capMicroUsd },
        )
      }
      await failpoint('spend.reserved')
      return {
        async settle(used) {
          await failpoint('spend.settling')
          await settleModelCall(db, reserved.id, used)
          await failpoint('spend.settled')
        },
      }
    },
    spent: async () => (calls === 0 ? undefined : await modelSpendOf(db, of.runKey).catch(() => undefined)),
  }
}

/** An error with what the run has spent in its details, where the ledger tells: an attempt that fails has cost too. */
export async function withSpent(error: unknown, meter: RunMeter): Promise<unknown> {
  if (!(error instanceof ApplicationFailure)) return error
  const spent = await meter.spent()
  return spent === undefined ? error : withDetails(error, { spent: { ...spent } })
}
