import type { Command } from 'commander'
import { withCommon, withDeployment, withProject } from '../options.ts'
import type { DevOptions } from '../servers/dev.ts'

/** `countersign dev`: everything in the foreground until Ctrl-C. */
export function define(command: Command): void {
  withProject(withDeployment(withCommon(command))).action(async (options: DevOptions) => {
    const { dev } = await import('../servers/dev.ts')
    await dev(options)
  })
}
