import type { Command } from 'commander'
import { withCommon, withDeployment, withProject } from '../options.ts'
import { withWorkerOptions, type WorkerOptions } from '../worker-options.ts'

/** `countersign worker`: runs until SIGTERM, then lets running steps finish. */
export function define(command: Command): void {
  withWorkerOptions(withProject(withDeployment(withCommon(command)))).action(async (options: WorkerOptions) => {
    const { work } = await import('../servers/worker.ts')
    await work(options)
  })
}
