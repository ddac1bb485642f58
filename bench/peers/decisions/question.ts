import { refund } from '../../../activities/billing/contract.ts'
import type { Facts } from '../../../src/contract/fact.ts'
import { usd } from '../../../src/contract/money.ts'

/** The tool that is decided on. */
export const tool = refund

const TIERS = ['standard', 'plus', 'enterprise'] as const
const REASONS = [
  'The parcel arrived broken,\n and the box was open.',
  'It is the WRONG   size',
  'I call this ＦＲＡＵＤ',
  'This smells of fr\u200Baud to me',
  'Too late for the birthday',
]

/** The n-th of 1,000 refunds that differ: amounts from $1 to $100, every tier, reasons with and without what is looked for. */
export const factsOf = (at: number): Facts => ({
  refund_amount_usd: usd(100 + ((at * 37) % 100) * 100),
  refunded_total_usd: usd(100 + ((at * 37) % 100) * 100),
  customer_tier: TIERS[at % TIERS.length] ?? 'standard',
  reason: REASONS[at % REASONS.length] ?? '',
})

export const QUESTIONS = 1_000
