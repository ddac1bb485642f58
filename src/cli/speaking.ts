import { type Command, Option } from 'commander'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { StatementSource } from '../client/statements.ts'
import { CliError, notLoggedIn, UsageError } from './errors.ts'
import { DEFAULT_IDENTITY } from './identity-options.ts'
import { type CommonOptions, filled } from './options.ts'

/** What commands take with which somebody says something. */
export interface SpeakerOptions {
  readonly by?: string
  readonly gateway?: string
  readonly identity: string
  readonly workspace?: string
}

/** In which workspace something is said that is about no run, where it is not named. */
export const OWN_WORKSPACE = 'the only one that is yours; for development `default`'

/** Gives a command what it takes to say something: `who` as in `who decides`, and in which workspace where it is not named. */
export const withSpeaker = (command: Command, who: string, workspace = 'that of the run'): Command =>
  command
    .option('--by <subject>', `${who}; for development only: with a gateway the login says it`, filled)
    .option('--workspace <name>', `in which of your workspaces (default: ${workspace})`, filled)
    .addOption(
      new Option('--gateway <url>', 'the gateway that signs what you say')
        .env('COUNTERSIGN_GATEWAY_URL')
        .argParser(httpUrl),
    )
    .addOption(
      new Option('--identity <file>', 'the identity providers, to refresh a login with')
        .env('COUNTERSIGN_IDENTITY')
        .default(DEFAULT_IDENTITY),
    )

/** As whom, where it was said. */
export const spokenBy = ({ by, workspace }: Pick<SpeakerOptions, 'by' | 'workspace'>) => ({
  ...(by !== undefined && { by }),
  ...(workspace !== undefined && { workspace }),
})

function httpUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
  throw new UsageError(`\`${text}\` is no address of a gateway`, 'Such as https://gateway.acme.example')
}

type Options = CommonOptions & Partial<SpeakerOptions>

/**
 * Who signs what is said on a command line: the gateway, for whoever is logged in here or the token in COUNTERSIGN_TOKEN; else the development
 * issuer of the state directory, for whomever `--by` names. Nothing is opened before something is said.
 */
export function statementsOf(options: Options): StatementSource {
  let source: Promise<StatementSource> | undefined
  return async (about, as) => {
    source ??= sourceOf(options)
    return await (
      await source
    )(about, as)
  }
}

async function sourceOf(options: Options): Promise<StatementSource> {
  const { gateway, stateDir } = options
  const { developmentStatements, gatewayStatements } = await import('../client/statements.ts')
  if (gateway !== undefined) {
    const signs = gatewayStatements({ url: gateway, token: () => tokenOf(options) })
    return async (about, as) => {
      if (as.subject === undefined) return await signs(about, as)
      throw new UsageError('with a gateway the login says who you are', 'Leave `--by` out.')
    }
  }
  if (!existsSync(join(stateDir, 'issuer-key.pem'))) {
    throw new CliError(
      'not_logged_in',
      `Nobody can sign what you say: no gateway is named, and no development servers ever ran in \`${stateDir}\`.`,
      'Set COUNTERSIGN_GATEWAY_URL and run `countersign login`, or start `countersign dev`.',
    )
  }
  const { developmentIssuer } = await import('../identity/statements.ts')
  const signs = developmentStatements(developmentIssuer(stateDir))
  return async (about, as) => {
    if (as.subject !== undefined) return await signs(about, as)
    throw new UsageError('say who you are', 'Add `--by <subject>`: without a gateway nobody else knows.')
  }
}

/** A token of a service, or of whoever is logged in. */
export async function tokenOf({
  stateDir,
  identity = DEFAULT_IDENTITY,
}: Pick<Options, 'stateDir' | 'identity'>): Promise<string> {
  const given = process.env['COUNTERSIGN_TOKEN']
  if (given !== undefined && given !== '') return given
  const [{ freshLogin, isFresh }, { readLogin }, { readMapping }] = await Promise.all([
    import('./logged-in.ts'),
    import('./login-file.ts'),
    import('../identity/mapping-file.ts'),
  ])
  const login = await readLogin(stateDir)
  const fresh = login === undefined || isFresh(login) ? login : await freshLogin(stateDir, readMapping(identity))
  if (fresh !== undefined) return fresh.accessToken
  throw notLoggedIn()
}
