import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import { z } from 'zod'
import { fail } from '../contract/failures.ts'
import type { IssuerMapping } from '../identity/mapping.ts'

/** Longer than a provider takes that answers at all. */
const TIMEOUT_MS = 5_000
/** A discovery document or a key set has some kilobytes. */
const MAX_BYTES = 512_000

/** What a provider says of itself that is needed here (OpenID Connect Discovery 1.0, RFC 8628, RFC 7009). */
const metadata = z.object({
  issuer: z.string(),
  jwks_uri: z.string(),
  token_endpoint: z.string().optional(),
  device_authorization_endpoint: z.string().optional(),
  revocation_endpoint: z.string().optional(),
})
export type ProviderMetadata = z.output<typeof metadata>

const unavailable = (issuer: string, what: string, cause?: unknown): Error =>
  fail(
    'issuer_unavailable',
    `the identity provider \`${issuer}\` ${what}`,
    {},
    cause instanceof Error ? cause : undefined,
  )

/** Whether an endpoint may be asked: by https; by http only where the issuer itself is on this machine by http. */
const isSafe = (endpoint: string, issuer: string): boolean =>
  URL.canParse(endpoint) &&
  (new URL(endpoint).protocol === 'https:' || (issuer.startsWith('http:') && new URL(endpoint).protocol === 'http:'))

async function answerOf(url: string) {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
  return { status: response.status, ok: response.ok, text: await response.text() }
}

/**
 * The discovery document of an issuer. Not followed elsewhere, and only what names that very issuer counts. Fails with
 * `issuer_unavailable`.
 */
export async function discover(issuer: string): Promise<ProviderMetadata> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  let found: unknown
  const { status, ok, text } = await answerOf(url).catch((error: unknown) => {
    throw unavailable(issuer, 'did not answer', error)
  })
  try {
    if (!ok || text.length > MAX_BYTES) throw new Error(`status ${status}`)
    found = JSON.parse(text)
  } catch (error) {
    throw unavailable(issuer, 'has no discovery document', error)
  }
  const parsed = metadata.safeParse(found)
  if (!parsed.success || parsed.data.issuer !== issuer)
    throw unavailable(issuer, 'has the discovery document of another')
  const endpoints = [
    parsed.data.jwks_uri,
    parsed.data.token_endpoint,
    parsed.data.device_authorization_endpoint,
    parsed.data.revocation_endpoint,
  ]
  const unsafe = endpoints.find((endpoint) => endpoint !== undefined && !isSafe(endpoint, issuer))
  if (unsafe !== undefined) throw unavailable(issuer, 'names an endpoint without https')
  return parsed.data
}

/** The keys of the issuers of a mapping; fetched when they are first needed, and again for an unknown key id. */
export class IssuerKeySets {
  readonly #sets = new Map<string, Promise<JWTVerifyGetKey>>()

  /** Finds the key of a token of this issuer. Fails with `issuer_unavailable`, which is not remembered. */
  async of({ issuer, jwksUri }: Pick<IssuerMapping, 'issuer' | 'jwksUri'>): Promise<JWTVerifyGetKey> {
    const known = this.#sets.get(issuer)
    if (known !== undefined) return await known
    const opened = open(issuer, jwksUri)
    this.#sets.set(issuer, opened)
    opened.catch(() => this.#sets.delete(issuer))
    return await opened
  }
}

const OF_THE_TOKEN = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported]

async function open(issuer: string, jwksUri: string | null): Promise<JWTVerifyGetKey> {
  const url = jwksUri ?? (await discover(issuer)).jwks_uri
  const keys = createRemoteJWKSet(new URL(url), { timeoutDuration: TIMEOUT_MS })
  return async (header, token) => {
    try {
      return await keys(header, token)
    } catch (error) {
      // Those speak of the token; anything else speaks of the provider.
      if (OF_THE_TOKEN.some((kind) => error instanceof kind)) throw error
      throw unavailable(issuer, 'does not publish its keys', error)
    }
  }
}
