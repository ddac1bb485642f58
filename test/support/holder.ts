import pg from 'pg'

/** Another session of the database that keeps something locked, so that a host's attempt stays under way. */
export interface Holder {
  /** Does something more in the same transaction. */
  query(text: string, values?: readonly unknown[]): Promise<void>
  /** Commits. Whoever waited first gets the lock first. */
  release(): Promise<void>
}

export async function hold(url: string, text: string, values: readonly unknown[] = []): Promise<Holder> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const query: Holder['query'] = async (more, given = []) => void (await client.query(more, [...given]))
  await query('BEGIN')
  await query(text, values)
  return {
    query,
    release: async () => {
      await query('COMMIT')
      await client.end()
    },
  }
}

const lock = (table: string) => `SELECT 1 FROM records.${table} WHERE id = $1 FOR UPDATE`

/** Keeps refunds and voids of a payment from getting on. */
export const holdPayment = (url: string, paymentId: string) => hold(url, lock('payments'), [paymentId])
/** Keeps replies in a ticket from getting on. */
export const holdTicket = (url: string, ticketId: string) => hold(url, lock('tickets'), [ticketId])
