import { Connection } from '@temporalio/client'
import { sql } from 'kysely'
import { failureOf } from '../contract/failures.ts'
import { databaseFailure, type LedgerDatabase, openDatabase } from '../ledger/database.ts'
import { CliError } from './errors.ts'
import { GRPC, grpcOf } from '../client/grpc.ts'
import { say } from './terminal.ts'
import { type DatabasePlace, type TemporalPlace, withoutPassword } from './where.ts'

const CONNECT_TIMEOUT_MS = 5_000

/**
 * A page of a history holds up to 256 events, of which a stranger can make each 2 MB large; a history in all has 50 MB.
 * The client means to take as much, and says so under a name that gRPC does not know (`@temporalio/client` 1.24).
 */
const CHANNEL = { 'grpc.max_receive_message_length': 128 * 1024 * 1024 }

/** The error of a Temporal that does not answer: where it should be, who said so, and what to start. */
export function unreachable(place: TemporalPlace, cause: unknown): CliError {
  return new CliError(
    'temporal_unreachable',
    `No Temporal answers at ${place.address}, which ${place.from} names.`,
    'Start it, or correct the address. For a development server of your own: unset it and run `countersign dev`.',
    { cause },
  )
}

/** Connects a client; fails with `temporal_unreachable` after five seconds. */
export async function connectClient(place: TemporalPlace): Promise<Connection> {
  try {
    const { address, options } = place
    return await Connection.connect({ address, ...options, connectTimeout: CONNECT_TIMEOUT_MS, channelArgs: CHANNEL })
  } catch (error) {
    // It answered, and said no: to the API key, for example.
    const said = grpcOf(error)
    if (said !== undefined && said.code !== GRPC.unavailable) throw error
    throw unreachable(place, error)
  }
}

/** Opens the database and asks it one thing; fails with `database_unavailable`, naming who said where it is. */
export async function connectDatabase(
  place: DatabasePlace,
  pool: { readonly max?: number } = {},
): Promise<LedgerDatabase> {
  const db = openDatabase(place.url, (error) => say(`A database connection broke: ${error.message}`), pool)
  try {
    await sql`SELECT 1`.execute(db)
    return db
  } catch (error) {
    await db.destroy()
    const reason =
      failureOf(databaseFailure(error))?.message ?? (error instanceof Error ? error.message : String(error))
    throw new CliError(
      'database_unreachable',
      `The database ${withoutPassword(place.url)}, which ${place.from} names, cannot be used: ${reason}`,
      'Start it, or correct the URL. For a database of your own: unset it and run `countersign dev`.',
      { cause: error },
    )
  }
}
