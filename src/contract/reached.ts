import type { Digest } from './digest.ts'
import type { RunKey } from './evidence.ts'

/** What was measured of a limit. Amounts are cents where the limit adds money up, effects where it counts them. */
export type Measured =
  /** `spent`: by effects that stand within the window; `adds`: what this action would add. */
  | { readonly kind: 'spent'; readonly spent: number; readonly adds: number }
  /** `score`: in hundredths; `null`: every other amount is the same one, and this is another. `median`: in half cents. */
  | {
      readonly kind: 'score'
      readonly amount: number
      readonly samples: number
      readonly median: number
      readonly score: number | null
    }
  /** Too few effects within the window for a score. */
  | { readonly kind: 'warming_up'; readonly amount: number; readonly samples: number }
  /** Neither who is counted nor how much can be told: this is not known. */
  | { readonly kind: 'unknown'; readonly what: string }

/**
 * What a host found of a limit of the policy when it was about to do an action, and why it did not: its signed statement.
 * The action is decided again on it.
 */
export interface Reached {
  readonly v: 1
  readonly kind: 'reached'
  readonly runKey: RunKey
  readonly step: string
  readonly inputDigest: Digest
  /** `limits.<id>`, and what it measures, so that a policy with another limit of that id is not mistaken for it. */
  readonly limit: string
  readonly per: string
  readonly of: string | null
  readonly windowMinutes: number
  /** Who was counted; `null`: that is not known. */
  readonly subject: string | null
  readonly measured: Measured
  /** When it was measured: ISO 8601, UTC. */
  readonly at: string
  readonly keyId: string
  readonly signature: string
}

/** The findings in the details of a `limit_reached`; `undefined`: there are none. What is signed, hosts verify. */
export function reachedIn(details: Readonly<Record<string, unknown>>): readonly Reached[] | undefined {
  const { reached } = details
  return Array.isArray(reached) && reached.length > 0 ? (reached as readonly Reached[]) : undefined
}
