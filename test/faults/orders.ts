import type { Servers } from './servers.ts'

/** Orders with an even number cost $20, the others $120: the policy asks people about those. */
export const centsOf = (order: number): number => (order % 2 === 0 ? 2_000 : 12_000)

/** Fills the sample records with so many orders of customers, paid and each with an open ticket. */
export async function seedOrders(servers: Servers, count: number): Promise<void> {
  const cents = 'CASE WHEN n % 2 = 0 THEN 2000 ELSE 12000 END'
  const from = `FROM generate_series(1, ${Math.max(1, count)}) n`
  await servers.query(`
    INSERT INTO records.customers SELECT 'cus_f' || n, 'Customer ' || n, n || '@acme.example', 'standard' ${from};
    INSERT INTO records.orders SELECT 'ord_f' || n, 'cus_f' || n, 'USD', ${cents}, now() - interval '9 days', 'delivered' ${from};
    INSERT INTO records.order_lines SELECT 'ord_f' || n, 1, 'LMP-02', 'Desk lamp', 1, ${cents} ${from};
    INSERT INTO records.payments (id, order_id, currency, captured_cents) SELECT 'pay_f' || n, 'ord_f' || n, 'USD', ${cents} ${from};
    INSERT INTO records.tickets SELECT 'tkt_f' || n, 'cus_f' || n, 'ord_f' || n, 'It arrived broken', 'open' ${from}`)
}

/** What the customer of an order asks for. */
export const refundOf = (order: number) => ({
  orderId: `ord_f${order}`,
  ticketId: `tkt_f${order}`,
  message: `It arrived broken, please refund $${(centsOf(order) / 100).toFixed(2)}.`,
})
