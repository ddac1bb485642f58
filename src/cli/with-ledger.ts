import type { LedgerDatabase } from '../ledger/database.ts'
import type { CommonOptions } from './options.ts'

/** Opens the ledger, does the work of a command, and closes it. Temporal need not be there. Fails with `setup_needed`. */
export async function withLedger<T>(options: CommonOptions, work: (db: LedgerDatabase) => Promise<T>): Promise<T> {
  // Here and not above: a usage error has no need of them.
  const [{ findDatabase }, { connectDatabase }, { assertLedger }] = await Promise.all([
    import('./where.ts'),
    import('./connect.ts'),
    import('./ledger-schema.ts'),
  ])
  const db = await connectDatabase(await findDatabase(options.stateDir))
  try {
    await assertLedger(db)
    return await work(db)
  } finally {
    await db.destroy()
  }
}
