import type { Command } from 'commander'
import { withCommon, withDeployment, withProject } from '../options.ts'
import type { WorkerOptions } from '../servers/worker.ts'

/** `countersign worker`: runs until SIGTERM, then lets running steps finish. */
export function define(command: Command): void {
  withProject(withDeployment(withCommon(command))).action(async (options: WorkerOptions) => {
    const { work } = await import('../servers/worker.ts')
    await work(options)
  })
}
