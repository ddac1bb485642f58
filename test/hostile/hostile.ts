import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { SampleOrder } from '../../activities/records/sample.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { digestOf } from '../../src/contract/digest.ts'
import { said } from '../support/people.ts'
import { REQUESTER, startRefund } from '../support/refunds.ts'
import { query, type World } from '../support/world.ts'

/** The request of the shipped playbook for an order. */
export const requestOf = (
  { orderId, ticketId }: SampleOrder,
  message = 'It arrived broken, please refund $20.00.',
) => ({
  orderId,
  ticketId,
  message,
})

/** Starts the shipped playbook with any request, as somebody does who minds no types. */
export const startWith = ({ client }: World, request: object, workflowId = `refund-${randomUUID()}`) =>
  client.start('refund_request', request, { principal: REQUESTER, workflowId })

const encoder = new TextEncoder()

/** Starts the shipped playbook with one argument of JSON text, past the client. */
export async function startRaw(
  { temporal, taskQueue, client }: World,
  argument: string,
  workflowId = `raw-${randomUUID()}`,
): Promise<RunHandle> {
  await temporal.workflowService.startWorkflowExecution({
    namespace: 'default',
    workflowId,
    workflowType: { name: 'refund_request' },
    taskQueue: { name: taskQueue },
    input: { payloads: [{ metadata: { encoding: encoder.encode('json/plain') }, data: encoder.encode(argument) }] },
    requestId: workflowId,
  })
  return client.run(workflowId)
}

/** Of somebody who starts something. */
const STATEMENT = said(
  { kind: 'start', workflowId: 'raw', playbook: 'refund_request', requestDigest: digestOf({}), workspace: 'acme' },
  'ana@acme.example',
  'acme',
)

/** The start message of a request that is given as JSON text. */
export const startText = (request: string): string => `{"statement":${JSON.stringify(STATEMENT)},"request":${request}}`

/** The refunds and replies of an order, whoever made them. */
export async function madeFor({ databaseUrl }: World, { paymentId, ticketId, orderId }: SampleOrder) {
  const { rows } = await query(
    databaseUrl,
    `SELECT (SELECT count(*)::int FROM records.refunds WHERE payment_id = $1 AND status <> 'voided') AS refunds,
       (SELECT count(*)::int FROM records.replies WHERE ticket_id = $2 OR ticket_id IN
         (SELECT id FROM records.tickets WHERE order_id = $3)) AS replies`,
    [paymentId, ticketId, orderId],
  )
  return rows[0]
}

export const expectNothingMade = async (world: World, order: SampleOrder): Promise<void> =>
  expect(await madeFor(world, order)).toEqual({ refunds: 0, replies: 0 })

/** The worker of a world still does what it is there for. */
export async function expectStillWorks(world: World): Promise<void> {
  const { run, order } = await startRefund(world)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await madeFor(world, order)).toEqual({ refunds: 1, replies: 1 })
}

/** Another open ticket of an order's customer about that order. */
export async function newTicket(
  { databaseUrl }: World,
  { orderId, customerId }: Pick<SampleOrder, 'orderId' | 'customerId'>,
): Promise<string> {
  const ticketId = `tkt_${randomUUID().replaceAll('-', '')}`
  const values = [ticketId, customerId, orderId]
  await query(databaseUrl, `INSERT INTO records.tickets VALUES ($1, $2, $3, 'It arrived broken', 'open')`, values)
  return ticketId
}
