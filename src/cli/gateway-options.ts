import { type Command, InvalidArgumentError, Option } from 'commander'
import type { HealthAddress } from '../worker/health-server.ts'
import { type IdentityOption, withIdentity } from './identity-options.ts'
import { type MasterKeysOptions, withMasterKeys } from './master-keys.ts'
import { type CommonOptions, filled, wholeNumber } from './options.ts'
import { listenAddress } from './worker-options.ts'

/** How `countersign gateway` is run; each option can be given as an environment variable, too. */
export interface GatewayOptions extends CommonOptions, IdentityOption, MasterKeysOptions {
  readonly address: HealthAddress
  readonly name: string
  /** A file that says where workspaces are at home. */
  readonly workspaces?: string
  /** Connections. */
  readonly databasePool: number
  /** Of the pages that may have payloads decoded. */
  readonly codecOrigin?: readonly string[]
}

/** Whose keys are those of the gateway, unless it is called otherwise. */
export const DEFAULT_GATEWAY_NAME = 'gateway'
/** Where the gateway listens unless told otherwise: nobody but this machine, where TLS ends. */
const DEFAULT_ADDRESS = '127.0.0.1:9465'

export const withGatewayOptions = (command: Command): Command =>
  withMasterKeys(withIdentity(command))
    .addOption(
      new Option('--address <host:port>', 'where it listens, by plain HTTP: TLS ends in front of it')
        .env('COUNTERSIGN_GATEWAY_ADDRESS')
        .default(listenAddress(DEFAULT_ADDRESS), DEFAULT_ADDRESS)
        .argParser(listenAddress),
    )
    .addOption(
      new Option('--name <name>', 'whose key it signs with, in the list of keys')
        .env('COUNTERSIGN_GATEWAY_NAME')
        .default(DEFAULT_GATEWAY_NAME)
        .argParser(filled),
    )
    .addOption(
      new Option('--workspaces <file>', 'where workspaces are at home (default: workspaces.yaml, if it is there)').env(
        'COUNTERSIGN_WORKSPACES',
      ),
    )
    .addOption(
      new Option('--database-pool <number>', 'connections to the database')
        .env('COUNTERSIGN_DATABASE_POOL')
        .default(10)
        .argParser(wholeNumber(2, 1_000)),
    )
    .addOption(
      new Option(
        '--codec-origin <url>',
        'with master keys: a page that may have payloads decoded, such as https://temporal.acme.example; may be repeated',
      )
        .env('COUNTERSIGN_CODEC_ORIGINS')
        .argParser(origins),
    )

/** Origins as browsers write them, one or several with commas between them; after those that were named before. */
function origins(text: string, before: readonly string[] = []): readonly string[] {
  const named = text.split(',').map((origin) => origin.trim())
  const wrong = named.find((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin)
  if (wrong === undefined) return [...before, ...named]
  throw new InvalidArgumentError('write scheme, host and port, and nothing after them: https://temporal.acme.example')
}
