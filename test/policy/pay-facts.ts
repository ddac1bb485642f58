import { booleanFact, enumFact, moneyFact, numberFact, textFact } from '../../src/contract/fact.ts'

/** What `shop.pay` declares, without the rest of its contract. */
export const pay = {
  declares: {
    refund_amount_usd: moneyFact('USD', 'record'),
    order_age_days: numberFact('days', 'record'),
    customer_tier: enumFact(['standard', 'plus', 'enterprise'], 'record'),
    customer_blocked: booleanFact('record'),
    reason: textFact('model'),
  },
} as const
