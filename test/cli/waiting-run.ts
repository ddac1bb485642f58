import type { PendingApproval, RunHandle } from '../../src/client/index.ts'
import type { SampleOrder } from '../../activities/records/sample.ts'
import { newOrder, type OrderOptions } from '../support/orders.ts'
import { query, until } from '../support/world.ts'
import type { WorkerChild } from './worker-child.ts'

const ANA = { subject: 'ana@acme.example', workspace: 'acme' }

/** A run that waits for approval, of $120.00 that ana asked for. */
interface WaitingRun {
  readonly workflowId: string
  readonly order: SampleOrder
  readonly pending: PendingApproval
  readonly handle: RunHandle
}

/** A request on an order of its own. Default: $20.00 for something damaged. */
export async function requestFor(
  { databaseUrl }: WorkerChild,
  options: OrderOptions = {},
  message = 'It arrived damaged. I want it all back.',
) {
  const order = await newOrder(databaseUrl, options)
  return { order, request: { orderId: order.orderId, ticketId: order.ticketId, message } }
}

export async function waitingRun(child: WorkerChild): Promise<WaitingRun> {
  const { order, request } = await requestFor(child, { amountCents: 12_000 })
  const workflowId = `cli-${order.orderId}`
  const handle = await child.client.start('refund_request', request, { principal: ANA, workflowId })
  const pending = await until('an action that waits', async () => (await handle.status()).pending[0])
  return { workflowId, order, pending, handle }
}

/** The result of a run as soon as it shows one: it may still be open for its undo window. */
export const resultOf = (handle: RunHandle) => until('the end', async () => (await handle.status()).result ?? undefined)

/** Money given back for an order, in cents. */
export async function refunded({ databaseUrl }: WorkerChild, { paymentId }: SampleOrder): Promise<number> {
  const live = "SELECT coalesce(sum(amount_cents), 0) AS cents FROM records.refunds WHERE status <> 'voided'"
  const { rows } = await query(databaseUrl, `${live} AND payment_id = $1`, [paymentId])
  return Number(rows[0]?.['cents'])
}
