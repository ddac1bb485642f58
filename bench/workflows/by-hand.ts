import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  defineSignal,
  defineUpdate,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow'
import { digestOf } from '../../src/contract/digest.ts'
import { type BenchCase, WAITING } from '../case.ts'
import { type ByHandActivities, dollars, type RefundInput, type ReplyInput } from './activities.ts'

const approveUpdate = defineUpdate<string, [Approval]>('approve')
const outcomeUpdate = defineUpdate<Outcome>('outcome')
const undoSignal = defineSignal('undo')
const STATE = defineSearchAttributeKey('BenchState', SearchAttributeType.KEYWORD)

interface Approval {
  readonly by: string
  readonly digest: string
}

interface Outcome {
  readonly refundId: string
}

const options = (summary: string) => ({ startToCloseTimeout: 5_000, retry: { maximumAttempts: 5 }, summary })
const activities = (summary: string) => proxyActivities<ByHandActivities>(options(summary))

/** The same refund as a careful team writes it on the bare SDK, for `windowMinutes` undoable. */
export async function byHandRefund(
  { orderId, ticketId, message }: BenchCase,
  windowMinutes: number,
): Promise<Outcome & { readonly undone: boolean }> {
  let digest: string | undefined
  let approval: Approval | undefined
  let outcome: Outcome | undefined
  let undoAsked = false
  const undos: (() => Promise<unknown>)[] = []
  setHandler(approveUpdate, (given) => {
    if (given.digest !== digest) throw ApplicationFailure.nonRetryable('this is not what waits for approval')
    if (approval !== undefined) throw ApplicationFailure.nonRetryable('it was approved before')
    approval = given
    return `approved by ${given.by}`
  })
  setHandler(outcomeUpdate, async () => {
    await condition(() => outcome !== undefined)
    return outcome as Outcome
  })
  setHandler(undoSignal, () => void (undoAsked = true))

  const order = await activities('look the order up').lookupOrder(orderId)
  const customer = await activities('look the customer up').lookupCustomer(order.customerId)
  const claim = await activities('read what the customer asks for').classify(message, order)
  const amount = claim.amount ?? order.refundable
  if (/fraud|chargeback retaliation/i.test(claim.reason)) throw ApplicationFailure.nonRetryable('denied', 'denied')
  const input: RefundInput = { paymentId: order.paymentId, amount, reason: claim.reason, ticketId }
  if (amount.cents >= 5_000 || customer.tier === 'enterprise') {
    digest = digestOf({ refund: { ...input } })
    upsertSearchAttributes([{ key: STATE, value: 'blocked' }])
    setCurrentDetails(`refund ${dollars(amount)} of payment ${order.paymentId} waits for approval of ${digest}`)
    log.info(WAITING, { step: 'refund', digest })
    const inTime = await condition(() => approval !== undefined, '1 day')
    digest = undefined
    if (!inTime) throw ApplicationFailure.nonRetryable('nobody approved in time', 'approval_timed_out')
  }
  const refunded = await activities(`refund ${dollars(amount)}`).refundOnce(input)
  undos.unshift(() => activities('void the refund').undoRefund(input, refunded))
  const answer: ReplyInput = { ticketId, body: `We have refunded ${dollars(amount)} for order ${order.id}.` }
  const sent = await activities('answer the customer').notifyOnce(answer)
  undos.unshift(() => activities('retract the answer').undoNotify(answer, sent))

  outcome = { refundId: refunded.refundId }
  upsertSearchAttributes([{ key: STATE, value: 'completed' }])
  setCurrentDetails(`completed: ${dollars(amount)} refunded`)
  if (windowMinutes > 0) await condition(() => undoAsked, windowMinutes * 60_000)
  if (undoAsked) for (const undo of undos) await undo()
  await condition(allHandlersFinished)
  return { ...outcome, undone: undoAsked }
}
