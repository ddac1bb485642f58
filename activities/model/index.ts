import { askedIn } from './amount.ts'
import { categoryIn } from './category.ts'
import type { Claim, ClaimInput } from './contract.ts'
import { shorten } from './shorten.ts'

/** What policies commonly refuse on: it has to survive into a shortened reason. */
const ALARMING = /(?:fraud|scam|stole|chargeback|charge back|retaliat|dispute|lawyer|attorney|police|threat)/giu

/** What makes people see other digits than stand there: overrides of direction. */
const OVERRIDE = /[\u202d\u202e]/u

/** Spaces, line ends and controls collapse; invisible characters go, since they would hide words from a policy. */
const plain = (message: string) =>
  message
    .replace(/\p{Cf}/gu, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()

/**
 * Reads a claim with plain code, the same on every machine. Category: the first sign in the text, in English, else
 * `other`. Reason: the message with white space collapsed; of a long one the sentences that policies refuse on and
 * the one that tells the category. Amount: see `askedIn`.
 */
export function claimByRules({ message, order }: ClaimInput): Claim {
  const text = plain(message)
  const asked = askedIn(text, order.refundable.currency)
  const isLegible = asked.asksFor !== 'amount' || !OVERRIDE.test(message)
  const { category, at } = categoryIn(text)
  const marks = [...text.matchAll(ALARMING)].map((match) => match.index)
  return {
    category,
    reason: shorten(text, at === undefined ? marks : [...marks, at]) || 'no reason given',
    ...(isLegible ? asked : { asksFor: 'unclear', amount: null }),
  }
}
