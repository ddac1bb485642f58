import type { PayloadParts } from '../../gateway/codec.ts'
import { IssuerKeySets } from '../../gateway/issuers.ts'
import { serveGateway } from '../../gateway/serve.ts'
import { readMapping } from '../../identity/mapping-file.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { ledgerDataKeys } from '../../privacy/data-keys.ts'
import { connectDatabase } from '../connect.ts'
import { CliError, explain } from '../errors.ts'
import { gatewayKey, publishKey } from '../gateway-key.ts'
import type { GatewayOptions } from '../gateway-options.ts'
import { assertLedger } from '../ledger-schema.ts'
import { textFor } from '../../privacy/reader.ts'
import { findMasterKeys, MAKE } from '../master-keys.ts'
import { Closing, listenForStop } from '../stopping.ts'
import { plain, say } from '../terminal.ts'
import { databaseName, Residency } from '../../privacy/residency.ts'
import { asConfig, findWorkspaces } from '../workspaces.ts'
import { findDatabase, withoutPassword } from '../where.ts'

const CLOSE_MS = 10_000

const onError = (error: unknown): void => say(plain(textFor('log', `error: ${explain(error).message}`)))

/** Runs the gateway until SIGTERM or SIGINT. */
export async function runGateway(options: GatewayOptions): Promise<void> {
  const { stateDir, identity, address, name, databasePool, workspaces: file } = options
  const stopping = listenForStop('the gateway closes')
  const closing = new Closing()
  try {
    const mapping = readMapping(identity)
    const key = gatewayKey()
    const database = await findDatabase(stateDir)
    const db = await connectDatabase(database, { max: databasePool })
    closing.add(() => db.destroy())
    await assertLedger(db)
    await publishKey(db, key, name)
    const payloads = await payloadsOf(options, db)
    const workspaces = findWorkspaces(file)
    // It asks no Temporal: which namespace and task queue a statement is used in, the worker looks at.
    const residency = workspaces && new Residency(workspaces, { database: asConfig(() => databaseName(database.url)) })
    const keys = new IssuerKeySets()
    const parts = { db, key, mapping, residency, keys, onError, ...(payloads && { payloads }) }
    const gateway = await serveGateway(address, parts).catch((cause: NodeJS.ErrnoException) => {
      const taken = `The gateway cannot listen at ${address.host}:${address.port} (${cause.code ?? cause.message}).`
      throw new CliError('address_in_use', taken, 'Name another address with `--address`.', { cause })
    })
    closing.add(gateway.close)
    say(`ready  gateway at http://${gateway.address}, database ${withoutPassword(database.url)}, key ${key.keyId}`)
    say(`       ${codecText(payloads)}`)
    for (const { issuer } of mapping.issuers) say(plain(`       issuer ${issuer}`))
    await stopping.asked
  } finally {
    await closing.closeWithin(CLOSE_MS)
  }
}

/** What the codec server needs; `undefined`: there are no master keys, so that it is none. Fails as `findMasterKeys` does. */
async function payloadsOf(options: GatewayOptions, db: LedgerDatabase): Promise<PayloadParts | undefined> {
  const { codecOrigin: origins = [] } = options
  const masterKeys = await findMasterKeys(options)
  if (masterKeys !== undefined) return { dataKeys: ledgerDataKeys(db, masterKeys), masterKeys, origins }
  if (origins.length === 0) return undefined
  throw new CliError('config_invalid', 'There are pages that may decode, and no master keys to decode with.', MAKE)
}

function codecText(payloads: PayloadParts | undefined): string {
  if (payloads === undefined) return 'no codec server: it has no master keys'
  const { masterKeys, origins } = payloads
  return `codec server at /codec, master key ${masterKeys.currentId}; pages: ${origins.join(', ') || 'none'}`
}
