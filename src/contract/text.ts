import type { Change, Citation } from './action.ts'

/** `payment/pay_1042 refundable: $120.00 → $0.00` */
export const changeText = (change: Change): string => `${change.record} ${change.field}: ${change.from} → ${change.to}`

/** `record order/ord_1042 (step billing.getOrder-1, read 2026-11-23T16:05:51.000Z)` */
export const citationText = (citation: Citation): string =>
  `${citation.kind} ${citation.reference} (step ${citation.step}, read ${citation.at})`
