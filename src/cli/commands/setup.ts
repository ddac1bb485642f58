import type { Command } from 'commander'
import { withCommon, withDeployment, withJson, withProject } from '../options.ts'
import type { SetupOptions } from '../servers/setup.ts'

/** `countersign setup`: once for a namespace and a database, and again after an upgrade. */
export function define(command: Command): void {
  withProject(withDeployment(withJson(withCommon(command)))).action(async (options: SetupOptions) => {
    const { setup } = await import('../servers/setup.ts')
    await setup(options)
  })
}
