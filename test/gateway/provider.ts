import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Configuration, Provider } from 'oidc-provider'

export const AUDIENCE = 'https://countersign.acme.example'
export const SERVICE_SECRET = 'a secret of the refund service, for tests alone'
/** Where the code of the web client is sent; nothing listens there. */
export const REDIRECT = 'http://127.0.0.1/signed-in'

/** A real identity provider on this machine. */
export interface TestProvider {
  readonly issuer: string
  /** Signs a token with the key of the provider: what no honest provider would. */
  readonly forge: (payload: JWTPayload, header?: Readonly<Record<string, unknown>>) => Promise<string>
  readonly privateKey: CryptoKey
  /** The public half, as anybody can fetch it. */
  readonly publicJwk: JWK
  /** How long access tokens are valid from now on. Seconds. */
  readonly tokenSeconds: (seconds: number) => void
  readonly close: () => Promise<void>
}

/** What the provider knows of people beyond their names. */
const PEOPLE: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ana: { employee_id: '1001', groups: ['/support'], spaces: { acme: ['refunds:ask'], other: [] } },
  ben: { employee_id: '1002', groups: ['/acme/refunds'], spaces: { acme: ['refunds:write'] } },
  'ben-admin': { employee_id: '1002', groups: ['/acme/refunds'], spaces: { acme: ['refunds:write'] } },
  // No mapping finds out who that is.
  eve: { groups: ['/acme/refunds'], spaces: { acme: ['refunds:write'] } },
}
const SERVICES: typeof PEOPLE = { 'refund-service': { spaces: { acme: ['refunds:ask'] } } }

/** What the provider knows beside, or otherwise, in a test. */
export interface Known {
  readonly people?: typeof PEOPLE
  readonly services?: typeof PEOPLE
}

const PUBLIC = { token_endpoint_auth_method: 'none', application_type: 'native' } as const
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'

function configurationOf(privateJwk: JWK, seconds: () => number, known: Known): Configuration {
  const people = { ...PEOPLE, ...known.people }
  const services = { ...SERVICES, ...known.services }
  return {
    jwks: { keys: [privateJwk] },
    cookies: { keys: ['of this test alone'] },
    clients: [
      {
        ...PUBLIC,
        client_id: 'countersign-cli',
        grant_types: [DEVICE, 'refresh_token'],
        response_types: [],
        redirect_uris: [],
      },
      {
        ...PUBLIC,
        client_id: 'web',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: [REDIRECT],
      },
      {
        client_id: 'refund-service',
        client_secret: SERVICE_SECRET,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      },
    ],
    scopes: ['openid', 'offline_access'],
    findAccount: (_context, id) =>
      Promise.resolve(
        Object.hasOwn(people, id) ? { accountId: id, claims: () => Promise.resolve({ sub: id }) } : undefined,
      ),
    extraTokenClaims: (_context, token) =>
      Promise.resolve('accountId' in token ? people[token.accountId] : services[token.clientId ?? '']),
    ttl: {
      AccessToken: seconds,
      ClientCredentials: seconds,
      IdToken: 600,
      RefreshToken: 86_400,
      Interaction: 600,
      Session: 600,
      Grant: 86_400,
    },
    features: {
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'countersign',
          audience: AUDIENCE,
          accessTokenTTL: seconds(),
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  }
}

/** Starts a provider: people log in by their name and any password. */
export async function startProvider(known: Known = {}): Promise<TestProvider> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const kid = 'of-the-provider'
  const privateJwk = { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' }
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }
  let lifetime = 600
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(
    issuer,
    configurationOf(privateJwk, () => lifetime, known),
  )
  const serve = provider.callback()
  server.on('request', (request, response) => void serve(request, response))
  return {
    issuer,
    privateKey,
    publicJwk,
    forge: async (payload, header = {}) =>
      await new SignJWT(payload).setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid, ...header }).sign(privateKey),
    tokenSeconds: (seconds) => void (lifetime = seconds),
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}
