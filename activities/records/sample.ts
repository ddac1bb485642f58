/** An order of the sample with what belongs to it. */
export interface SampleOrder {
  readonly orderId: string
  readonly ticketId: string
  readonly customerId: string
  readonly paymentId: string
  /** What was paid, in cents of a dollar. */
  readonly amountCents: number
}

const named = (number: number, amountCents: number): SampleOrder => ({
  orderId: `ord_${number}`,
  ticketId: `tkt_${number}`,
  customerId: `cus_${number}`,
  paymentId: `pay_${number}`,
  amountCents,
})

/** Orders that the demo and the tests call by name. Paid in dollars, nothing refunded, ticket open, unless said. */
export const SAMPLE = {
  small: named(1001, 2_000),
  large: named(1002, 12_000),
  /** Of an enterprise customer; the others' are `standard`. */
  enterprise: named(1003, 3_000),
  fraud: named(1004, 3_500),
  /** Its ticket is closed, so that it cannot be answered. */
  closedTicket: named(1005, 2_500),
  undo: named(1006, 1_800),
  /** Came in six parcels; the others in one. */
  manyParcels: named(1007, 4_000),
  /** Refunded in full. */
  refunded: named(1008, 2_200),
} as const satisfies Record<string, SampleOrder>
