import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { useChangedPolicies } from '../support/own-policies.ts'
import { query, type World, type WorldOptions } from '../support/world.ts'

/** A world for a test file with the shipped policies, of which that of `refund_request` has these limits over time. */
export const useLimits = (limits: string, options: WorldOptions = {}): (() => World) =>
  useChangedPolicies(async (folder) => {
    const file = join(folder, 'refund-request.yaml')
    await writeFile(file, `${await readFile(file, 'utf8')}${limits}`)
  }, options)

/** Makes an order one of another order's customer. */
export async function ofCustomer(
  { databaseUrl }: World,
  order: { readonly orderId: string; readonly ticketId: string },
  customerId: string,
): Promise<void> {
  // In one statement: an order and its tickets are of one customer.
  const text = `WITH moved AS (UPDATE records.tickets SET customer_id = $3 WHERE id = $2)
    UPDATE records.orders SET customer_id = $3 WHERE id = $1`
  await query(databaseUrl, text, [order.orderId, order.ticketId, customerId])
}

/** Lets time pass for what a run did: its effects are counted so many minutes earlier. */
export const age = ({ databaseUrl }: World, workflowId: string, minutes: number) =>
  query(
    databaseUrl,
    `UPDATE countersign.counts SET counted_at = counted_at - make_interval(mins => $2) WHERE run_key LIKE $1 || '/%'`,
    [workflowId, minutes],
  )
