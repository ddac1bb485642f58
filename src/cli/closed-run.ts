import type { RunSummary } from '../client/summary.ts'
import { printRefusal } from './errors.ts'
import { EXIT } from './exit.ts'
import type { JsonOption } from './options.ts'
import { outJson } from './terminal.ts'

/** Refuses what a run is told that has closed, and takes nothing any more; `help` says what is left. Whether it did. */
export function refusesClosed(
  { workflowId, state, closedAt }: Pick<RunSummary, 'workflowId' | 'state' | 'closedAt'>,
  help: string,
  { json }: JsonOption,
): boolean {
  if (closedAt === null) return false
  const message = `the run is closed: it ended ${state}`
  if (json) outJson({ workflowId, accepted: false, code: 'run_closed', message })
  printRefusal(message, help, 'run_closed')
  process.exitCode = EXIT.no
  return true
}
