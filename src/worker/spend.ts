import { fail } from '../contract/failures.ts'
import { formatMicroUsd } from '../contract/money.ts'
import type { Meter } from '../tools/implementation.ts'

/** A meter for one attempt: it may spend what the run says it has left; `null`: no cap. */
export function meterOf(remainingMicroUsd: number | null): Meter {
  let left = remainingMicroUsd ?? Infinity
  return {
    async reserve(worst, what) {
      if (worst.microUsd > left) {
        throw fail(
          'model_budget_exceeded',
          `${what} may cost ${formatMicroUsd(worst.microUsd)}, and ${formatMicroUsd(Math.max(0, left))} is left; it was not made`,
          { worstCaseMicroUsd: worst.microUsd, remainingMicroUsd: left },
        )
      }
      left -= worst.microUsd
      return {
        async settle(used) {
          left += worst.microUsd - used.microUsd
        },
      }
    },
  }
}
