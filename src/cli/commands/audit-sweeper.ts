import { type Command, Option } from 'commander'
import type { HealthAddress } from '../../worker/health-server.ts'
import {
  type CommonOptions,
  duration,
  filled,
  type ProjectOption,
  type QueueOption,
  wholeNumber,
  withCommon,
  withProject,
  withQueue,
} from '../options.ts'
import { type MasterKeysOptions, withMasterKeys } from '../master-keys.ts'
import { type SigningOptions, withSigning } from '../seal-options.ts'
import { healthAddress } from '../worker-options.ts'

/** How `countersign audit sweeper` is run. */
export interface SweeperOptions extends CommonOptions, ProjectOption, QueueOption, MasterKeysOptions, SigningOptions {
  readonly every: number
  readonly partitions: number
  readonly archive?: string
  /** `null`: no server. */
  readonly healthAddress: HealthAddress | null
}

const DEFAULT_HEALTH_ADDRESS = '127.0.0.1:9468'

/** `countersign audit sweeper`: runs until SIGTERM; as many of them as one likes. */
export function define(audit: Command): void {
  withSigning(
    withMasterKeys(
      withProject(
        withQueue(
          withCommon(
            audit.command('sweeper').description('seal and archive every run that is over, as Temporal orders it'),
          ),
        ),
      ),
    ),
  )
    .option('--every <time>', 'how often, such as `5m`', duration, 300_000)
    .option('--partitions <number>', 'into how many parts a sweep is divided', wholeNumber(1, 256), 4)
    .addOption(
      new Option('--archive <url>', 'where bundles are copied to, `file:///…` or `s3://bucket/prefix`')
        .env('COUNTERSIGN_ARCHIVE')
        .argParser(filled),
    )
    .addOption(
      new Option('--health-address <host:port>', 'where /healthz, /readyz and /metrics are served, or `off`')
        .env('COUNTERSIGN_SWEEPER_HEALTH_ADDRESS')
        .default(healthAddress(DEFAULT_HEALTH_ADDRESS), DEFAULT_HEALTH_ADDRESS)
        .argParser(healthAddress),
    )
    .action(async (options: SweeperOptions) => {
      const { runSweeper } = await import('../servers/sweeper.ts')
      await runSweeper(options)
    })
}
