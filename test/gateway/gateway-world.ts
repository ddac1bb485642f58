import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import type { PayloadParts } from '../../src/gateway/codec.ts'
import { IssuerKeySets } from '../../src/gateway/issuers.ts'
import { type Gateway, serveGateway } from '../../src/gateway/serve.ts'
import { type HostKey, hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { parseMapping } from '../../src/identity/mapping-file.ts'
import { storeIssuerKey } from '../../src/ledger/issuer-keys.ts'
import type { LedgerDatabase } from '../../src/ledger/database.ts'
import type { Residency } from '../../src/privacy/residency.ts'
import { useLedger } from '../worker/ledger-case.ts'
import { Browser } from './browser.ts'
import { AUDIENCE, type Known, REDIRECT, SERVICE_SECRET, startProvider, type TestProvider } from './provider.ts'

/** An `identity.yaml` that trusts a provider. */
export const mappingText = (issuer: string): string => `issuers:
  - issuer: ${issuer}
    audience: ${AUDIENCE}
    algorithms: [RS256]
    clock_tolerance_seconds: 5
    max_token_age_seconds: 1200
    subject_prefix: 'acme:'
    claims:
      person: employee_id
      groups: groups
      workspaces: spaces
    groups:
      refund-approvers: [/acme/refunds]
    login:
      client_id: countersign-cli
      resource: ${AUDIENCE}
people:
  ben@acme.example: ['1002']
`

/** A gateway, its provider and its ledger. */
export interface GatewayWorld {
  readonly provider: TestProvider
  readonly db: LedgerDatabase
  readonly url: string
  readonly key: HostKey
  /** What was nobody's refusal. */
  readonly errors: readonly unknown[]
  readonly post: (
    token: string | undefined,
    body: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>
}

/** A provider and a gateway of their own for a test file, with a ledger of their own; a codec server, too, with what that works with. */
export function useGateway(
  options: {
    readonly known?: Known
    readonly payloads?: (db: LedgerDatabase) => PayloadParts
    readonly residency?: Residency
  } = {},
): () => GatewayWorld {
  const ledger = useLedger()
  let world: GatewayWorld | undefined
  let gateway: Gateway | undefined
  beforeAll(async () => {
    const provider = await startProvider(options.known)
    const parsed = parseMapping(mappingText(provider.issuer), 'identity.yaml')
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
    const key = hostKeyOf(newHostKey())
    const { keyId, publicKey } = key
    await storeIssuerKey(ledger(), { keyId, publicKey, issuer: 'gateway', development: false })
    const errors: unknown[] = []
    const onError = (error: unknown): void => void errors.push(error)
    const payloads = options.payloads?.(ledger())
    const parts = {
      db: ledger(),
      key,
      mapping: parsed.mapping,
      keys: new IssuerKeySets(),
      onError,
      residency: options.residency,
      ...(payloads && { payloads }),
    }
    gateway = await serveGateway({ host: '127.0.0.1', port: 0 }, parts)
    const url = `http://${gateway.address}`
    world = {
      provider,
      db: ledger(),
      url,
      key,
      errors,
      post: (token, body, headers = {}) =>
        fetch(`${url}/v1/statements`, {
          method: 'POST',
          headers: {
            'Content-Type': 'application/json',
            ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
            ...headers,
          },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
    }
  })
  afterAll(async () => {
    await gateway?.close()
    await world?.provider.close()
  })
  return () => {
    if (world === undefined) throw new Error('the gateway was not started')
    return world
  }
}

interface Tokens {
  readonly access_token: string
  readonly id_token?: string
}

async function tokensOf(issuer: string, fields: Readonly<Record<string, string>>, basic?: string): Promise<Tokens> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: basic === undefined ? {} : { Authorization: `Basic ${Buffer.from(basic).toString('base64')}` },
    body: new URLSearchParams(fields),
  })
  if (!response.ok) throw new Error(await response.text())
  return (await response.json()) as Tokens
}

/** Logs a person in at a provider by the authorization code with PKCE, as a web application does. */
export async function tokensOfPerson({ issuer }: TestProvider, name: string): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url')
  const asked = new URLSearchParams({
    client_id: 'web',
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: 'openid',
    resource: AUDIENCE,
    state: 'of this test',
    code_challenge_method: 'S256',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  })
  const { url } = await new Browser(name).sayYes(`${issuer}/auth?${asked.toString()}`)
  const code = new URL(url).searchParams.get('code')
  if (code === null) throw new Error(`no code in ${url}`)
  return await tokensOf(issuer, {
    grant_type: 'authorization_code',
    client_id: 'web',
    code,
    redirect_uri: REDIRECT,
    code_verifier: verifier,
    resource: AUDIENCE,
  })
}

/** A token of the refund service, by its secret. */
export const tokenOfService = async ({ issuer }: TestProvider): Promise<string> =>
  (
    await tokensOf(
      issuer,
      { grant_type: 'client_credentials', resource: AUDIENCE },
      `refund-service:${encodeURIComponent(SERVICE_SECRET)}`,
    )
  ).access_token
