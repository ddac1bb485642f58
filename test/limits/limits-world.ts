import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { query, SHIPPED_POLICIES, startWorld, type World, type WorldOptions } from '../support/world.ts'

/** A world for a test file with the shipped policies, of which that of `refund_request` has these limits over time. */
export function useLimits(limits: string, options: WorldOptions = {}): () => World {
  let policies = ''
  let world: World | undefined
  beforeAll(async () => {
    policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
    await cp(SHIPPED_POLICIES, policies, { recursive: true })
    const file = join(policies, 'refund-request.yaml')
    await writeFile(file, `${await readFile(file, 'utf8')}${limits}`)
    world = await startWorld({ ...options, policies })
  })
  afterAll(async () => {
    await world?.stop()
    await rm(policies, { recursive: true })
  })
  return () => {
    if (world === undefined) throw new Error('the world was not started')
    return world
  }
}

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
