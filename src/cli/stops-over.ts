import type { RunSummary } from '../client/summary.ts'
import type { RunStatus } from '../contract/run.ts'
import type { StopTarget } from '../contract/stop.ts'
import type { Stop } from '../ledger/stops.ts'
import { CliError, type CliErrorCode } from './errors.ts'
import type { CommonOptions } from './options.ts'
import { withLedger } from './with-ledger.ts'

const NOT_HERE: readonly CliErrorCode[] = ['database_not_configured', 'database_unreachable', 'setup_needed']

/**
 * The stops in force of an open run, its playbook and its workspace, and of the tools of what waits; `null`: the ledger, which
 * nothing else here needs, cannot be asked from here.
 */
export async function stopsOver(
  { workflowId, playbook, workspace, closedAt }: RunSummary,
  status: Pick<RunStatus, 'runKey' | 'pending'> | undefined,
  options: CommonOptions,
): Promise<readonly Stop[] | null> {
  if (closedAt !== null) return []
  const tools = (status?.pending ?? []).flatMap((one) => (one.about === 'action' ? [one.action.tool] : []))
  const targets: readonly StopTarget[] = [
    { scope: 'run', name: workflowId },
    ...(status === undefined ? [] : [{ scope: 'run', name: status.runKey } as const]),
    { scope: 'playbook', name: playbook },
    ...(workspace === null ? [] : [{ scope: 'workspace', name: workspace } as const]),
    ...tools.map((name) => ({ scope: 'tool', name }) as const),
  ]
  try {
    return await withLedger(options, async (db) => {
      const { stopsInForce } = await import('../ledger/stops.ts')
      return await stopsInForce(db, targets)
    })
  } catch (error) {
    if (error instanceof CliError && NOT_HERE.includes(error.code)) return null
    throw error
  }
}
