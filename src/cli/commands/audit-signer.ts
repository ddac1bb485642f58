import { type Command, Option } from 'commander'
import type { HealthAddress } from '../../worker/health-server.ts'
import { collected, filled, wholeNumber } from '../options.ts'
import { listenAddress } from '../worker-options.ts'

/** How `countersign audit signer` is run. */
export interface SignerOptions {
  readonly origin: string
  readonly state: string
  readonly keyFile?: readonly string[]
  readonly sealVaultKey?: string
  readonly sealVaultMount?: string
  readonly overlap: number
  readonly socket?: string
  readonly address?: HealthAddress
  readonly tokenFile?: string
}

/** `countersign audit signer`: runs until SIGTERM. */
export function define(audit: Command): void {
  audit
    .command('signer')
    .description('sign seals and checkpoints, with a key that nobody else can read')
    .addOption(
      new Option('--origin <name>', 'which log it signs for, such as `acme.example/countersign`')
        .env('COUNTERSIGN_LOG_ORIGIN')
        .argParser(filled)
        .makeOptionMandatory(),
    )
    .requiredOption('--state <file>', 'where it keeps the last tree that it signed', filled)
    .option(
      '--key-file <file>',
      'its private key, for its owner alone to read; may be repeated: the first one signs seals, all of them checkpoints',
      collected,
    )
    .addOption(
      new Option('--seal-vault-key <name>', 'sign with an ed25519 transit key of the Vault at VAULT_ADDR').env(
        'COUNTERSIGN_SEAL_VAULT_KEY',
      ),
    )
    .addOption(
      new Option('--seal-vault-mount <path>', 'where transit is mounted (default: transit)').env(
        'COUNTERSIGN_SEAL_VAULT_MOUNT',
      ),
    )
    .option(
      '--overlap <number>',
      'how many older versions of the key in Vault sign checkpoints, too',
      wholeNumber(0, 100),
      1,
    )
    .option('--socket <file>', 'listen at a socket file, which its owner and his group can open')
    .option('--address <host:port>', 'listen by plain HTTP on this machine; needs --token-file', listenAddress)
    .option('--token-file <file>', 'who asks has to have this token; made where there is no such file')
    .option('--verbose', 'show where an error comes from')
    .action(async (options: SignerOptions) => {
      const { runSigner } = await import('../servers/signer.ts')
      await runSigner(options)
    })
}
