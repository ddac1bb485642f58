import { SAMPLE, type SampleOrder } from '../../../activities/records/sample.ts'
import type { RunEnd } from '../../contract/states.ts'
import type { Stage } from './stage.ts'

/** Who asks in every scene, and who decides. */
export const REQUESTER = 'ana@acme.example'
const APPROVER = 'ben@acme.example'
const OPERATOR = 'olga@acme.example'

/** A request and what has to come of it. */
export interface Scene {
  /** Part of its workflow id. */
  readonly name: string
  /** What is asked, in a few words. */
  readonly request: string
  /** What comes of it. */
  readonly story: string
  readonly order: SampleOrder
  /** What the customer wrote. */
  readonly message: string
  readonly expected: { readonly state: RunEnd; readonly movedCents: number }
  /** What people do meanwhile. */
  readonly people?: (stage: Stage) => Promise<void>
}

/** The seven requests of the demo: every end but a failure, and every way to a person. */
export const SCENES: readonly Scene[] = [
  {
    name: 'small',
    request: '$20.00, below every threshold',
    story: 'goes through by itself',
    order: SAMPLE.small,
    message: 'One of the mugs in the gift box arrived broken. Please refund $20.00.',
    expected: { state: 'completed', movedCents: SAMPLE.small.amountCents },
  },
  {
    name: 'large',
    request: '$120.00, above the threshold',
    story: 'waits, and somebody else approves',
    order: SAMPLE.large,
    message: 'The gift box arrived damaged. I want my $120.00 back.',
    expected: { state: 'completed', movedCents: SAMPLE.large.amountCents },
    async people(stage) {
      const pending = await stage.untilAsked()
      await stage.decide(pending, 'approve', REQUESTER, 'it is fine, I checked')
      await stage.decide(pending, 'approve', APPROVER, 'photos seen')
    },
  },
  {
    name: 'fraud',
    request: '$35.00, for a reason that speaks of fraud',
    story: 'refused by the policy',
    order: SAMPLE.fraud,
    message: 'This is fraud, I never bought it. Give me $35.00 back.',
    expected: { state: 'refused', movedCents: 0 },
  },
  {
    name: 'enterprise',
    request: '$30.00, for an enterprise customer',
    story: 'waits, and is rejected',
    order: SAMPLE.enterprise,
    message: 'We changed our minds about the gift box. Please refund $30.00.',
    expected: { state: 'refused', movedCents: 0 },
    async people(stage) {
      const pending = await stage.untilAsked()
      await stage.decide(pending, 'reject', APPROVER, 'the contract has no returns')
    },
  },
  {
    name: 'closed-ticket',
    request: '$25.00, in a ticket that is closed',
    story: 'fails after the refund, which is compensated',
    order: SAMPLE.closedTicket,
    message: 'The box was cracked when it came. Please refund $25.00.',
    expected: { state: 'reverted', movedCents: 0 },
  },
  {
    name: 'undo',
    request: '$18.00, which an operator takes back',
    story: 'completes, and is undone inside its window',
    order: SAMPLE.undo,
    message: 'It is not what I ordered. Please refund $18.00.',
    expected: { state: 'reverted', movedCents: 0 },
    async people(stage) {
      await stage.untilEnded()
      await stage.undo(OPERATOR, 'the customer keeps it after all')
    },
  },
  {
    name: 'many-parcels',
    request: '$40.00, for an order in six parcels',
    story: 'goes beyond its budget of five tool calls, and is escalated',
    order: SAMPLE.manyParcels,
    message: 'My order never arrived. I want $40.00 back.',
    expected: { state: 'escalated', movedCents: 0 },
  },
]
