import type { Command } from 'commander'
import type { DemoOptions } from '../demo/demo.ts'
import { withJson } from '../options.ts'

/**
 * `countersign demo`: always on the shipped sample, and always on a database of its own, whatever DATABASE_URL
 * says, since its requests work once. Without `--state-dir`, in a folder that is gone afterwards.
 */
export function define(command: Command): void {
  withJson(command)
    .option('--keep', 'leave servers and worker running until Ctrl-C')
    .option('--state-dir <folder>', 'keep the data in this folder (default: a temporary one)')
    .option('--verbose', 'show where an error comes from')
    .action(async (options: DemoOptions) => {
      const { demo } = await import('../demo/demo.ts')
      await demo(options)
    })
}
