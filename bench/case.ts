import type { Digest } from '../src/contract/digest.ts'

/** What every variant is started with: one refund of $120.00, which an operator approves. Plain JSON. */
export interface BenchCase {
  readonly orderId: string
  readonly ticketId: string
  readonly message: string
}

export const MESSAGE = 'The lamp arrived broken. Please give me back $120.00 of what I paid.'

/** The number of an order tells its customer, payment and ticket: each run has its own. */
export const caseOf = (number: number): BenchCase => ({
  orderId: `ord_b${number}`,
  ticketId: `tkt_b${number}`,
  message: MESSAGE,
})

/** What a worker tells the driver once a run waits for its approval. */
export interface Waiting {
  readonly workflowId: string
  readonly step: string
  /** What is approved; the plain variant binds its approval to nothing. */
  readonly digest: Digest
}

/** What it tells the driver when it works. */
export interface Ready {
  readonly ready: true
  readonly maxCachedWorkflows?: number
}

/** The line that each variant logs when it waits. A log costs no event, so all three pay the same for telling. */
export const WAITING = 'waiting for approval'
