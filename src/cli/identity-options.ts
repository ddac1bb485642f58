import { type Command, Option } from 'commander'

/** What commands take that read the mapping of identities. */
export interface IdentityOption {
  readonly identity: string
}

export const DEFAULT_IDENTITY = 'identity.yaml'

export const withIdentity = (command: Command): Command =>
  command.addOption(
    new Option('--identity <file>', 'the identity providers that are trusted, and how their claims are read')
      .env('COUNTERSIGN_IDENTITY')
      .default(DEFAULT_IDENTITY),
  )
