import type { Claim } from '../../activities/model/contract.ts'
import type { Money } from '../../src/contract/money.ts'

export interface Order {
  readonly id: string
  readonly customerId: string
  readonly paymentId: string
  readonly refundable: Money
  readonly lines: { readonly title: string; readonly quantity: number; readonly price: Money }[]
}

export interface RefundInput {
  readonly paymentId: string
  readonly amount: Money
  readonly reason: string
  readonly ticketId: string
}

export interface ReplyInput {
  readonly ticketId: string
  readonly body: string
}

/** The activities of the plain variant, as its workflow sees them. */
export type PlainActivities = {
  readonly lookupOrder: (orderId: string) => Promise<Order>
  readonly lookupCustomer: (customerId: string) => Promise<{ readonly tier: string }>
  readonly classify: (message: string, order: Order) => Promise<Claim>
  readonly refund: (input: RefundInput) => Promise<{ readonly refundId: string }>
  readonly notify: (input: ReplyInput) => Promise<unknown>
}

/** Those of the variant with the same features by hand. */
export type ByHandActivities = Pick<PlainActivities, 'lookupOrder' | 'lookupCustomer' | 'classify'> & {
  refundOnce(input: RefundInput): Promise<{ readonly refundId: string }>
  notifyOnce(input: ReplyInput): Promise<unknown>
  undoRefund(input: RefundInput, output: unknown): Promise<string>
  undoNotify(input: ReplyInput, output: unknown): Promise<string>
}

/** `$120.00`. The money module of this project would bring zod along, which neither of the two needs. */
export const dollars = ({ cents }: Money): string => `$${(cents / 100).toFixed(2)}`
