import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { discover, type ProviderMetadata } from '../gateway/issuers.ts'
import type { IssuerMapping, LoginSettings } from '../identity/mapping.ts'
import { CliError } from './errors.ts'
import type { Login } from './login-file.ts'

const TIMEOUT_MS = 10_000
/** RFC 8628 §3.2, §3.5: between two questions unless told otherwise, and how much more after `slow_down`. */
const INTERVAL_SECONDS = 5
/** Of a token whose provider does not say how long it is valid. */
const UNKNOWN_SECONDS = 60

const device = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.url(),
  verification_uri_complete: z.url().optional(),
  expires_in: z.number(),
  interval: z.number().positive().optional(),
})

const tokens = z.object({
  access_token: z.string(),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.number().optional(),
  refresh_token: z.string().optional(),
})

const refusal = z.object({ error: z.string(), error_description: z.string().optional() })

/** Where a person goes to say yes. */
export interface Invitation {
  readonly url: string
  readonly code: string
}

const failed = (what: string, help: string, cause?: unknown): CliError =>
  new CliError('login_failed', what, help, { cause })

async function post(url: string, fields: Readonly<Record<string, string | null>>): Promise<unknown> {
  const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== null)
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { Accept: 'application/json' },
      body: new URLSearchParams(given),
    })
    const text = await response.text()
    return text === '' ? {} : JSON.parse(text)
  } catch (error) {
    throw failed(`The identity provider did not answer at ${new URL(url).origin}.`, 'Try again.', error)
  }
}

/** What a provider refused, in its own words. */
function refusedBy(answer: unknown): CliError {
  const parsed = refusal.safeParse(answer)
  const said = parsed.success
    ? [parsed.data.error, parsed.data.error_description].filter(Boolean).join(': ')
    : 'no more'
  return failed(`The identity provider refused: ${said}.`, 'Log in again, and see what it has of this client.')
}

function loginOf(
  answer: unknown,
  issuer: string,
  { clientId }: LoginSettings,
  before: string | null,
): Login | undefined {
  const parsed = tokens.safeParse(answer)
  if (!parsed.success) return undefined
  const { access_token: accessToken, expires_in: seconds = UNKNOWN_SECONDS, refresh_token: refreshToken } = parsed.data
  const expiresAt = new Date(Date.now() + seconds * 1000).toISOString()
  return { v: 1, issuer, clientId, accessToken, refreshToken: refreshToken ?? before, expiresAt }
}

function endpoint(metadata: ProviderMetadata, name: 'token_endpoint' | 'device_authorization_endpoint'): string {
  const url = metadata[name]
  if (url !== undefined) return url
  const help = 'Allow the device flow for this client at the provider.'
  throw failed(`The identity provider \`${metadata.issuer}\` has no \`${name}\`.`, help)
}

/** Settings of an issuer with which people log in; fails where it has none. */
function loginSettings({ issuer, login }: IssuerMapping): LoginSettings {
  if (login !== null) return login
  throw failed(`Nobody logs in at \`${issuer}\` from here.`, 'Give it a `login` with a `client_id` in the mapping.')
}

/**
 * Logs in by the device flow (RFC 8628): invites a person to a page of the provider, and waits until he said yes there. Fails with
 * `login_failed`, and with `issuer_unavailable` as `discover` does.
 */
export async function logIn(of: IssuerMapping, invite: (to: Invitation) => void): Promise<Login> {
  const { issuer } = of
  const settings = loginSettings(of)
  const { clientId, scope, resource } = settings
  const metadata = await discover(issuer)
  const tokenEndpoint = endpoint(metadata, 'token_endpoint')
  const answer = await post(endpoint(metadata, 'device_authorization_endpoint'), {
    client_id: clientId,
    scope,
    resource,
  })
  const begun = device.safeParse(answer)
  if (!begun.success) throw refusedBy(answer)
  const { device_code, user_code, verification_uri, verification_uri_complete, expires_in } = begun.data
  invite({ url: verification_uri_complete ?? verification_uri, code: user_code })
  const until = Date.now() + expires_in * 1000
  const grant = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code,
    client_id: clientId,
    resource,
  }
  for (let seconds = begun.data.interval ?? INTERVAL_SECONDS; Date.now() < until;) {
    await delay(seconds * 1000)
    const said = await post(tokenEndpoint, grant)
    const login = loginOf(said, issuer, settings, null)
    if (login !== undefined) return login
    const { error } = refusal.safeParse(said).data ?? {}
    if (error === 'slow_down') seconds += INTERVAL_SECONDS
    else if (error !== 'authorization_pending') throw refusedBy(said)
  }
  throw failed('Nobody said yes in time.', 'Run `countersign login` again.')
}

/** Gets a fresh access token for one that has expired; fails with `login_failed` when the provider has no more of it. */
export async function refresh(login: Login, of: IssuerMapping): Promise<Login> {
  const settings = loginSettings(of)
  const { refreshToken } = login
  if (refreshToken === null) throw failed('The login is over.', 'Run `countersign login` again.')
  const answer = await post(endpoint(await discover(of.issuer), 'token_endpoint'), {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: settings.clientId,
    resource: settings.resource,
  })
  const fresh = loginOf(answer, of.issuer, settings, refreshToken)
  if (fresh === undefined) throw refusedBy(answer)
  return fresh
}

/** Has the provider forget the tokens of a login (RFC 7009); `false`: it cannot. */
export async function revoke({ issuer, clientId, refreshToken, accessToken }: Login): Promise<boolean> {
  const { revocation_endpoint: url } = await discover(issuer)
  if (url === undefined) return false
  await post(url, { token: refreshToken ?? accessToken, client_id: clientId })
  return true
}
