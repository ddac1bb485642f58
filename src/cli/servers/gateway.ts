import { IssuerKeySets } from '../../gateway/issuers.ts'
import { serveGateway } from '../../gateway/serve.ts'
import { readMapping } from '../../identity/mapping-file.ts'
import { connectDatabase } from '../connect.ts'
import { CliError, explain } from '../errors.ts'
import { gatewayKey, publishKey } from '../gateway-key.ts'
import type { GatewayOptions } from '../gateway-options.ts'
import { assertLedger } from '../ledger-schema.ts'
import { textFor } from '../../privacy/reader.ts'
import { Closing, listenForStop } from '../stopping.ts'
import { plain, say } from '../terminal.ts'
import { databaseName, Residency } from '../../privacy/residency.ts'
import { asConfig, findWorkspaces } from '../workspaces.ts'
import { findDatabase, withoutPassword } from '../where.ts'

const CLOSE_MS = 10_000

const onError = (error: unknown): void => say(plain(textFor('log', `error: ${explain(error).message}`)))

/** Runs the gateway until SIGTERM or SIGINT. */
export async function runGateway({
  stateDir,
  identity,
  address,
  name,
  databasePool,
  workspaces: file,
}: GatewayOptions): Promise<void> {
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
    const workspaces = findWorkspaces(file)
    // It asks no Temporal: which namespace and task queue a statement is used in, the worker looks at.
    const residency = workspaces && new Residency(workspaces, { database: asConfig(() => databaseName(database.url)) })
    const parts = { db, key, mapping, residency, keys: new IssuerKeySets(), onError }
    const gateway = await serveGateway(address, parts).catch((cause: NodeJS.ErrnoException) => {
      const taken = `The gateway cannot listen at ${address.host}:${address.port} (${cause.code ?? cause.message}).`
      throw new CliError('address_in_use', taken, 'Name another address with `--address`.', { cause })
    })
    closing.add(gateway.close)
    say(`ready  gateway at http://${gateway.address}, database ${withoutPassword(database.url)}, key ${key.keyId}`)
    for (const { issuer } of mapping.issuers) say(plain(`       issuer ${issuer}`))
    await stopping.asked
  } finally {
    await closing.closeWithin(CLOSE_MS)
  }
}
