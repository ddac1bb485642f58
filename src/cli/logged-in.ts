import { withLock } from '../embedded/lock.ts'
import { IssuerKeySets } from '../gateway/issuers.ts'
import { verifyToken } from '../gateway/token.ts'
import { type IdentityMapping, type IssuerMapping, mapToken, type MappedToken } from '../identity/mapping.ts'
import { refresh } from './device-flow.ts'
import { CliError } from './errors.ts'
import { type Login, loginFile, readLogin, writeLogin } from './login-file.ts'
import { say } from './terminal.ts'

/** A token that is about to expire is not used any more. */
const MARGIN_MS = 30_000

export const isFresh = ({ expiresAt }: Login): boolean => Date.parse(expiresAt) > Date.now() + MARGIN_MS

/** The issuer of a login in the mapping; fails with `login_invalid` where it is not trusted any more. */
function issuerOf(login: Login, { issuers }: IdentityMapping): IssuerMapping {
  const issuer = issuers.find((each) => each.issuer === login.issuer)
  if (issuer !== undefined) return issuer
  const help = 'Run `countersign logout`, and log in at one that the mapping lists.'
  throw new CliError('login_invalid', `The mapping does not list the issuer \`${login.issuer}\`.`, help)
}

/**
 * Who is logged in, with an access token that is still valid: it is refreshed where it is not, by one process at a time, since
 * a provider takes a refresh token once. `undefined`: nobody is.
 */
export async function freshLogin(stateDir: string, mapping: IdentityMapping): Promise<Login | undefined> {
  const login = await readLogin(stateDir)
  if (login === undefined || isFresh(login)) return login
  const waiting = { waitingFor: 'another process refreshes the login', progress: say }
  return await withLock(loginFile(stateDir), waiting, async () => {
    const now = await readLogin(stateDir)
    if (now === undefined || isFresh(now)) return now
    const fresh = await refresh(now, issuerOf(now, mapping))
    await writeLogin(stateDir, fresh)
    return fresh
  })
}

/** Who a login is of, by the token and the mapping, as the gateway will see it; fails as `verifyToken` and `mapToken` do. */
export async function whoIs({ accessToken }: Login, mapping: IdentityMapping): Promise<MappedToken> {
  const { issuer, claims } = await verifyToken(accessToken, mapping, new IssuerKeySets())
  return mapToken(mapping, issuer, claims)
}
