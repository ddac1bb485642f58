import type { Command } from 'commander'
import type { HealthAddress } from '../../worker/health-server.ts'
import { collected, filled } from '../options.ts'
import { listenAddress } from '../worker-options.ts'

/** How `countersign audit witness` is run. */
export interface WitnessOptions {
  readonly name: string
  readonly origin: string
  readonly logKey: readonly string[]
  readonly state: string
  readonly keyFile: string
  readonly address: HealthAddress
}

const DEFAULT_ADDRESS = '127.0.0.1:9467'

/** `countersign audit witness`: runs until SIGTERM. */
export function define(audit: Command): void {
  audit
    .command('witness')
    .description('sign checkpoints of a log as long as each goes on from the one before')
    .requiredOption('--name <name>', 'its own name, such as `witness.auditor.example`', filled)
    .requiredOption('--origin <name>', 'the log that it looks at', filled)
    .requiredOption('--log-key <file>', 'the public key of the log; may be repeated, while one is rotated', collected)
    .requiredOption('--state <file>', 'where it keeps the last tree that it saw', filled)
    .requiredOption('--key-file <file>', 'its private key, for its owner alone to read', filled)
    .option(
      '--address <host:port>',
      'where it listens, by plain HTTP: TLS ends in front of it',
      listenAddress,
      listenAddress(DEFAULT_ADDRESS),
    )
    .option('--verbose', 'show where an error comes from')
    .action(async (options: WitnessOptions) => {
      const { runWitness } = await import('../servers/witness.ts')
      await runWitness(options)
    })
}
