import type { Approval } from './action.ts'
import { type Digest, digestOf } from './digest.ts'
import type { RunKey } from './evidence.ts'
import { formatMicroUsd } from './money.ts'

/** The limits of a policy that people can be asked to raise. Wire names: they stand in the ids of questions. */
export type Limit = 'model_budget' | 'tool_calls'

/**
 * More than a limit allows, as people are asked for it: everything that is shown of it; its digest is what they
 * approve. Amounts are micro-dollars of `model_budget` and calls of `tool_calls`.
 */
export interface Raise {
  readonly runKey: RunKey
  /** The id of the question: `model_budget-1`. */
  readonly step: string
  readonly limit: Limit
  /** The limit in force. */
  readonly from: number
  /** The limit that is asked for: once more what the policy gives. */
  readonly to: number
  /** What of `from` is spent or set aside. */
  readonly used: number
  /** The step that goes beyond it, and what it may need. */
  readonly neededBy: string
  readonly needs: number
  readonly policyDigest: Digest
}

/** A raise and the approvals of it. It names the new limit and no addition, so counting it twice changes nothing. */
export interface ApprovedRaise {
  readonly raise: Raise
  readonly approvals: readonly Approval[]
}

/** What people approve. */
export const raiseDigestOf = (raise: Raise): Digest => digestOf(raise)

/** `$0.2000`, `5 tool calls` */
export const amountText = (limit: Limit, amount: number): string =>
  limit === 'model_budget' ? formatMicroUsd(amount) : `${amount} tool calls`

const LIMIT_WORDS: Readonly<Record<Limit, string>> = { model_budget: 'model budget', tool_calls: 'budget' }

/** `raise the model budget from $0.2000 to $0.4000` */
export const raiseText = ({ limit, from, to }: Raise): string =>
  `raise the ${LIMIT_WORDS[limit]} from ${amountText(limit, from)} to ${amountText(limit, to)}`

/** `$0.1900 is used, and refund.readClaim-1 may need $0.0500` */
export const needText = ({ limit, used, neededBy, needs }: Raise): string =>
  `${amountText(limit, used)} used, and ${neededBy} may need ${limit === 'tool_calls' ? needs : formatMicroUsd(needs)}`
