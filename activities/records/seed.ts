import type { Kysely } from 'kysely'
import { sampleRows } from './sample-rows.ts'
import { type RecordsTables, recordsOf } from './tables.ts'

export { SAMPLE } from './sample.ts'

/**
 * Fills the records with the sample: 120 customers, 400 orders, what was paid and refunded of them, parcels and
 * tickets. The same on every machine. What is there already stays as it is, so it may be called at every start and
 * by several processes at once. Needs `migrateRecords`.
 */
export async function seedRecords(db: Kysely<unknown>): Promise<void> {
  const rows = sampleRows()
  await recordsOf(db)
    .transaction()
    .execute(async (trx) => {
      const add = (table: keyof RecordsTables) =>
        trx
          .insertInto(table)
          .values(rows[table])
          .onConflict((on) => on.doNothing())
          .execute()
      // Referenced tables first. The same order in every process keeps two of them from a deadlock.
      await add('customers')
      await add('orders')
      await add('order_lines')
      await add('parcels')
      await add('payments')
      await add('refunds')
      await add('tickets')
      await add('replies')
    })
}
