import type { Command } from 'commander'
import type { IssuerMapping } from '../../identity/mapping.ts'
import { UsageError } from '../errors.ts'
import { type IdentityOption, withIdentity } from '../identity-options.ts'
import { type CommonOptions, withCommon } from '../options.ts'
import { plain, say } from '../terminal.ts'

interface Options extends CommonOptions, IdentityOption {
  readonly issuer?: string
}

/** `countersign login`: by the device flow, so that the browser may be on another machine. */
export function define(command: Command): void {
  withIdentity(withCommon(command))
    .option('--issuer <url>', 'where to log in, when the mapping lists several')
    .action(login)
}

async function login({ stateDir, identity, issuer: named }: Options): Promise<void> {
  const [{ readMapping }, { logIn }, { loginFile, writeLogin }, { whoIs }] = await Promise.all([
    import('../../identity/mapping-file.ts'),
    import('../device-flow.ts'),
    import('../login-file.ts'),
    import('../logged-in.ts'),
  ])
  const mapping = readMapping(identity)
  const issuer = issuerFor(mapping.issuers, named)
  const found = await logIn(issuer, ({ url, code }) => {
    say(plain(`Open ${url}`))
    say(plain(`and see that it shows the code ${code}. Waiting for you to say yes there.`))
  })
  // What the gateway would refuse is not kept: whoever logged in hears of it now.
  const { subject, kind } = await whoIs(found, mapping)
  await writeLogin(stateDir, found)
  say(plain(`Logged in as ${subject} (${kind}) of ${issuer.issuer}.`))
  say(`The tokens are in ${loginFile(stateDir)}, which only you can read.`)
}

function issuerFor(issuers: readonly IssuerMapping[], named: string | undefined): IssuerMapping {
  const able = issuers.filter((each) => each.login !== null && (named === undefined || each.issuer === named))
  const [only, ...more] = able
  if (only !== undefined && more.length === 0) return only
  const all = issuers.filter(({ login: settings }) => settings !== null).map(({ issuer }) => issuer)
  const help = all.length === 0 ? 'Give an issuer of the mapping a `login`.' : `Name one by --issuer: ${all.join(', ')}`
  throw new UsageError(only === undefined ? 'there is no such issuer to log in at' : 'there are several issuers', help)
}
