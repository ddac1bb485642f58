import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, inject } from 'vitest'
import {
  CountersignClient,
  encryptedDataConverter,
  gatewayDataKeys,
  gatewayStatements,
} from '../../src/client/index.ts'
import { IssuerKeySets } from '../../src/gateway/issuers.ts'
import { type Gateway, serveGateway } from '../../src/gateway/serve.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { parseMapping } from '../../src/identity/mapping-file.ts'
import { storeIssuerKey } from '../../src/ledger/issuer-keys.ts'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import { mappingText, tokenOfService, tokensOfPerson } from '../gateway/gateway-world.ts'
import { startProvider, type TestProvider } from '../gateway/provider.ts'
import { startWorld, type World } from '../support/world.ts'
import { testMasterKeys } from './keys.ts'

/** What the refund playbook needs, and what starts it. */
const ASKS = ['billing:read', 'billing:refund', 'crm:read', 'helpdesk:reply', 'shipping:read']
const PEOPLE = {
  // Approves, and reads for that.
  ben: { employee_id: '1002', groups: ['/acme/refunds'], spaces: { acme: ['payloads:read'] } },
  // Is of the workspace, and may not read.
  dora: { employee_id: '1005', groups: ['/acme/refunds'], spaces: { acme: [] } },
  // Reads, elsewhere.
  otto: { employee_id: '1006', groups: [], spaces: { other: ['payloads:read'] } },
}
type Somebody = keyof typeof PEOPLE | 'service'

/** A worker for production whose payloads are encrypted, a gateway that has its keys, and clients that have no database. */
export interface ProtectedWorld {
  readonly world: World
  readonly provider: TestProvider
  readonly gateway: string
  readonly token: (of: Somebody) => Promise<string>
  /** A client as a service has one: a connection to Temporal, a gateway and a token. */
  readonly clientOf: (of: Somebody) => Promise<{ readonly client: CountersignClient; readonly temporal: Client }>
}

export function useProtectedWorld(
  options: { readonly address?: () => string; readonly origins?: () => readonly string[] } = {},
): () => ProtectedWorld {
  let made: ProtectedWorld | undefined
  const closing: (() => Promise<unknown>)[] = []
  beforeAll(async () => {
    const masterKeys = testMasterKeys()
    const { address } = options
    const path = join(mkdtempSync(join(tmpdir(), 'countersign-protected-')), 'audit.jsonl')
    // The shipped policy asks for an export, and for production somebody has to take it.
    const sink = { name: 'splunk', targets: ['splunk'], form: 'native', kind: 'file', path, rotateBytes: 1e9 } as const
    const exports = { sinks: [sink], keepDays: 7 }
    const world = await startWorld({ isProduction: true, masterKeys, exports, ...(address && { address }) })
    closing.push(() => world.stop())
    const provider = await startProvider({
      people: PEOPLE,
      services: { 'refund-service': { spaces: { acme: ASKS } } },
    })
    closing.push(provider.close)
    const mapping = parseMapping(mappingText(provider.issuer), 'identity.yaml')
    if (!mapping.ok) throw new Error(JSON.stringify(mapping.problems))
    const key = hostKeyOf(newHostKey())
    const { keyId, publicKey } = key
    await storeIssuerKey(world.db, { keyId, publicKey, issuer: 'gateway', development: false })
    const dataKeys = ledgerDataKeys(world.db, masterKeys)
    const gateway: Gateway = await serveGateway(
      { host: '127.0.0.1', port: 0 },
      {
        db: world.db,
        key,
        mapping: mapping.mapping,
        keys: new IssuerKeySets(),
        payloads: { dataKeys, masterKeys, origins: options.origins?.() ?? [] },
        onError: (error) => process.stderr.write(`${String(error)}\n`),
      },
    )
    closing.push(gateway.close)
    const url = `http://${gateway.address}`
    const token = async (of: Somebody): Promise<string> =>
      of === 'service' ? await tokenOfService(provider) : (await tokensOfPerson(provider, of)).access_token
    made = {
      world,
      provider,
      gateway: url,
      token,
      async clientOf(of) {
        const bearer = await token(of)
        const access = { url, token: () => Promise.resolve(bearer) }
        const connection = await Connection.connect({ address: address?.() ?? inject('temporalAddress') })
        closing.push(() => connection.close())
        const temporal = new Client({ connection, dataConverter: encryptedDataConverter(gatewayDataKeys(access)) })
        const client = new CountersignClient(temporal, {
          taskQueue: world.taskQueue,
          statements: gatewayStatements(access),
        })
        return { client, temporal }
      },
    }
  })
  afterAll(async () => {
    for (const close of closing.toReversed()) await close()
  })
  return () => {
    if (made === undefined) throw new Error('the world was not started')
    return made
  }
}
