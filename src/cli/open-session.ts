import { Client } from '@temporalio/client'
import { CountersignClient } from '../client/client.ts'
import { speakerFlag } from '../contract/principal.ts'
import { DEFAULT_TASK_QUEUE } from '../contract/wire.ts'
import type { DataConverter } from '@temporalio/common'
import type { DataKeys } from '../privacy/data-keys.ts'
import { connectClient } from './connect.ts'
import { findMasterKeys } from './master-keys.ts'
import { type CommonOptions, DEFAULT_STATE_DIR, type QueueOption } from './options.ts'
import type { Session } from './session.ts'
import { type SpeakerOptions, statementsOf } from './speaking.ts'
import { shellWord } from '../contract/text.ts'
import { findDatabase, type TemporalPlace } from './where.ts'

/** A person waits for it. */
const ANSWER_WITHIN_MS = 30_000

/** Opens a session on a Temporal that is known. */
export async function openSession(
  place: TemporalPlace,
  options: CommonOptions & Partial<QueueOption> & Partial<SpeakerOptions>,
): Promise<Session> {
  const encryption = await encryptionOf(place, options)
  const connection = await connectClient(place)
  const temporal = new Client({
    connection,
    namespace: place.namespace,
    ...(encryption && { dataConverter: encryption.dataConverter }),
  })
  const { taskQueue = DEFAULT_TASK_QUEUE } = options
  return {
    place,
    connection,
    close: async () => {
      await connection.close()
      await encryption?.close()
    },
    temporal,
    client: new CountersignClient(temporal, {
      taskQueue,
      answerWithinMs: ANSWER_WITHIN_MS,
      statements: statementsOf(options),
      ...(encryption?.keys && { keys: encryption.keys }),
    }),
    taskQueue,
    speaker: speakerFlag({
      development: options.gateway === undefined && process.env['COUNTERSIGN_GATEWAY_URL'] === undefined,
    }),
    flags: options.stateDir === DEFAULT_STATE_DIR ? '' : ` --state-dir ${shellWord(options.stateDir)}`,
  }
}

interface Encryption {
  readonly dataConverter: DataConverter
  /** Of the ledger; a gateway has none that could hide a name. */
  readonly keys?: DataKeys
  readonly close: () => Promise<void>
}

/**
 * With what a session reads and writes what is encrypted: the master keys of the environment, or else what a gateway hands to whoever is logged in;
 * `undefined`: the environment names neither.
 */
async function encryptionOf(
  { namespace }: TemporalPlace,
  options: CommonOptions & Partial<SpeakerOptions>,
): Promise<Encryption | undefined> {
  const { stateDir } = options
  const masterKeys = await findMasterKeys()
  if (masterKeys === undefined) {
    const gateway = options.gateway ?? gatewayOfEnvironment()
    if (gateway === undefined) return undefined
    const { gatewayDataConverter } = await import('./gateway-keys.ts')
    const dataConverter = gatewayDataConverter({ ...options, gateway }, namespace)
    return { dataConverter, close: () => Promise.resolve() }
  }
  const [{ openDatabase }, { encryptedDataConverter }, { ledgerDataKeys }] = await Promise.all([
    import('../ledger/database.ts'),
    import('../privacy/encrypted.ts'),
    import('../privacy/data-keys.ts'),
  ])
  const { url } = await findDatabase(stateDir)
  // Connects once a key is needed.
  const db = openDatabase(url, () => {}, { max: 2 })
  const keys = ledgerDataKeys(db, masterKeys)
  const dataConverter = encryptedDataConverter(keys, { namespace, showErased: true })
  return { dataConverter, keys, close: () => db.destroy() }
}

function gatewayOfEnvironment(): string | undefined {
  const url = process.env['COUNTERSIGN_GATEWAY_URL']
  return url === '' ? undefined : url
}
