import { expect, test } from 'vitest'
import { refund } from '../../activities/billing/contract.ts'
import { digestOf } from '../../src/contract/digest.ts'
import type { Evidence, Receipt } from '../../src/contract/evidence.ts'
import type { FailureCode } from '../../src/contract/failures.ts'
import { money, usd } from '../../src/contract/money.ts'
import type { Principal } from '../../src/contract/principal.ts'
import { signReceipt } from '../../src/identity/receipts.ts'
import {
  claimRead,
  customerRead,
  dollars,
  evidence,
  guarded,
  HOST,
  inputOf,
  knowing,
  LAX_DIGEST,
  LAX_POLICY,
  orderRead,
  PRINCIPAL,
  ROW,
  saying,
  STRANGER,
  write,
  type Write,
} from './refund-case.ts'
import type { Lies, Wanted } from './warrants.ts'

type Row = readonly [title: string, it: Write, code: FailureCode, why: string]

/** A refund on this reading of the order; facts and digests are those of the warrant that it stands in. */
const resting = (order: Evidence, lies: Lies = {}): Write =>
  write({ evidence: [order, customerRead(), claimRead()] }, lies)
const { receipt, output } = orderRead()
/** The receipt of the order with something altered after it was signed. */
const altered = (change: Partial<Receipt>): Write => resting({ output, receipt: { ...receipt, ...change } })
const { facts } = write().warrant
const allow = { effect: 'allow', matches: [] } as const
const undoable = (windowMinutes: number) => ({ does: refund.undo?.does ?? '', windowMinutes })
const runOf = (principal: Principal): Write => knowing({ findRun: async () => ({ ...ROW, principal }) })

/** A write that needs no evidence by itself, under the demand of the policy or without it. */
const needless = { ...refund, needs: {}, facts: () => facts, supports: () => [] } as unknown as Wanted['tool']
const resigned = (change: Partial<Receipt>): Evidence => {
  const { v: _v, keyId: _keyId, signature: _signature, ...statement } = receipt
  return { output, receipt: signReceipt(HOST, { ...statement, ...change }) }
}

test.each([
  ['an approved refund of $120', write()],
  ['a refund of $20 that needs no approval', write({ input: inputOf(2_000) })],
  ['a refund of all that is left, at exactly what can be refunded', write({ input: inputOf(20_000) })],
  ['a write that needs no evidence, with a record cited', write({ tool: needless, evidence: [orderRead()] })],
  [
    'a write that needs no evidence, with none cited, where the policy does not demand any',
    knowing(
      { findRun: async () => ({ ...ROW, policyDigest: LAX_DIGEST }) },
      write({ tool: needless, evidence: [], policy: LAX_POLICY, policyDigest: LAX_DIGEST }),
    ),
  ],
])('%s is let through', async (_title, it) => {
  expect(await guarded(it)).toMatchObject({ code: 'accepted', ran: 1 })
})

const bound: readonly Row[] = [
  ['for another tool', saying({ tool: 'helpdesk.reply' }), 'warrant_mismatch', 'for another tool'],
  ['for another amount', { ...write(), input: inputOf(12_001) }, 'warrant_mismatch', 'the input is not'],
  ['for another reason', { ...write(), input: inputOf(12_000, 'late') }, 'warrant_mismatch', 'the input is not'],
  ['of another subject', runOf({ ...PRINCIPAL, subject: 'eve' }), 'warrant_mismatch', 'the principal is not'],
  ['of another workspace', runOf({ ...PRINCIPAL, workspace: 'other' }), 'warrant_mismatch', 'the principal is not'],
  ['on behalf of another', runOf({ ...PRINCIPAL, onBehalfOf: 'eve' }), 'warrant_mismatch', 'the principal is not'],
  [
    'under a policy that nobody stored',
    knowing({ policyOf: async () => undefined }),
    'warrant_policy_unknown',
    'nobody stored the policy sha256:',
  ],
  ['without its undo path', saying({ undo: null }), 'warrant_mismatch', 'the undo path'],
  [
    'whose facts are said to be trusted more than the contract says',
    write({}, { trust: { ...write().warrant.trust, refund_amount_usd: 'record' } }),
    'warrant_mismatch',
    'the trust of its facts',
  ],
  ['with a longer undo window', saying({ undo: undoable(99_999) }), 'warrant_mismatch', 'the undo path'],
  ['with another action digest', saying({ actionDigest: digestOf({}) }), 'warrant_mismatch', 'the action digest'],
]

const cited: readonly Row[] = [
  ['of another run', resting(resigned({ runKey: 'refund-9/1' })), 'receipt_invalid', 'belongs to another run'],
  [
    'with another output than it was made for',
    resting({ receipt, output: orderRead({ refundable: dollars(90_000) }).output }),
    'receipt_invalid',
    'is not about the cited output',
  ],
  ['altered in its reference', altered({ reference: 'order/ord_1' }), 'receipt_invalid', 'has a wrong signature'],
  ['altered in its time', altered({ at: '2026-10-02T09:00:00.000Z' }), 'receipt_invalid', 'has a wrong signature'],
  ['altered in its kind', altered({ kind: 'url' }), 'receipt_invalid', 'has a wrong signature'],
  ['altered in its input', altered({ inputDigest: digestOf({}) }), 'receipt_invalid', 'has a wrong signature'],
  ['with a cut signature', altered({ signature: receipt.signature.slice(4) }), 'receipt_invalid', 'wrong signature'],
  [
    'of another tool under the name of the one that is needed',
    resting({ output, receipt: { ...evidence('other.read', { ...(output as object) }).receipt, tool: receipt.tool } }),
    'receipt_invalid',
    'has a wrong signature',
  ],
  [
    'signed by a stranger',
    resting(evidence(receipt.tool, output as never, {}, STRANGER)),
    'receipt_invalid',
    'is signed with an unknown key',
  ],
  [
    'signed by a stranger in the name of the host',
    resting(evidence(receipt.tool, output as never, {}, { ...STRANGER, keyId: HOST.keyId })),
    'receipt_invalid',
    'has a wrong signature',
  ],
]

const differs = 'warrant_decision_differs'
const decided: readonly Row[] = [
  ['that lacks the order', write({ evidence: [customerRead()] }, { facts }), differs, 'order (from billing.getOrder)'],
  [
    'that lacks the customer',
    write({ evidence: [orderRead()] }, { facts }),
    differs,
    'customer (from crm.getCustomer)',
  ],
  [
    'that rests on two orders',
    write({ evidence: [orderRead(), orderRead(), customerRead()] }, { facts }),
    differs,
    'one order and not 2',
  ],
  [
    "on a model's reading alone, where the policy demands evidence",
    write({ tool: needless, evidence: [claimRead()] }),
    differs,
    "a source beside a model's reading",
  ],
  [
    'on nothing, where the policy demands evidence',
    write({ tool: needless, evidence: [] }),
    differs,
    "a source beside a model's reading",
  ],
  ['of a payment of another order', resting(orderRead({ paymentId: 'pay_7' })), differs, 'is not that of order'],
  ['of an order of another customer', resting(orderRead({ customerId: 'cus_8' })), differs, 'is not of customer'],
  ['for a ticket about another order', resting(orderRead({ tickets: ['tkt_8'] })), differs, 'is not about order'],
  ['in another currency', resting(orderRead({ refundable: { ...money('EUR', 20_000) } })), differs, 'was paid in EUR'],
  ['above what is refundable', resting(orderRead({ refundable: dollars(11_999) })), differs, 'more than the $119.99'],
  [
    'on a smaller amount than it moves',
    write({}, { facts: { ...facts, refund_amount_usd: usd(2_000) }, decision: allow }),
    differs,
    'on other facts or rules',
  ],
  [
    'on another tier, though the decision is the same',
    write({}, { facts: { ...facts, customer_tier: 'plus' }, decision: write().warrant.decision }),
    differs,
    'on other facts or rules',
  ],
  [
    'as allowed, though the policy asks for an approval',
    write({}, { decision: allow }),
    differs,
    'the host decides `require_approval`',
  ],
  [
    'by another rule than the one that matched',
    write({}, { decision: { effect: 'require_approval', matches: [] } }),
    differs,
    'the host decides `require_approval`',
  ],
  [
    'that the policy denies, and the warrant says so',
    write({ input: inputOf(12_000, 'fraud') }, { approvals: (one) => [one] }),
    differs,
    'the policy says `deny`',
  ],
]

const refused = { final: true, ran: 0 }

test.each(bound)('a warrant %s is refused, and nothing runs', async (_title, it, code, why) => {
  expect(await guarded(it)).toEqual({ code, why: expect.stringContaining(why), ...refused })
})

test.each(cited)('a receipt %s bears no write out, and nothing runs', async (_title, it, code, why) => {
  expect(await guarded(it)).toEqual({ code, why: expect.stringContaining(why), ...refused })
})

test.each(decided)('a warrant %s is not what the host decides, and nothing runs', async (_title, it, code, why) => {
  expect(await guarded(it)).toEqual({ code, why: expect.stringContaining(why), ...refused })
})
