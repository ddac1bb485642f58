import type { Connection } from '@temporalio/client'
import type { LedgerDatabase } from '../ledger/database.ts'
import { pendingMigrations } from '../ledger/migrations.ts'
import { policyText } from '../ledger/policies.ts'
import type { PolicyStanding } from '../worker/observer.ts'
import { TROUBLE_WORDS } from '../worker/policy-files.ts'
import type { Check, Checked } from '../worker/readiness.ts'
import { standingIn } from './deployment.ts'
import type { Host } from './host.ts'
import { describeTaskQueue } from './task-queue.ts'
import type { TemporalPlace } from './where.ts'

const DEADLINE_MS = 2_500

/** What has to be so for a worker to be ready. Whether its version gets new runs is told, and is not demanded. */
export function workerChecks(parts: {
  readonly host: Host
  readonly connection: Connection
  readonly place: TemporalPlace
  readonly taskQueue: string
  readonly db: LedgerDatabase
}): readonly Check[] {
  const { host, connection, place, taskQueue, db } = parts
  return [
    {
      name: 'polling',
      look() {
        const { runState, workflowPollerState, activityPollerState } = host.status()
        const ok = runState === 'RUNNING' && workflowPollerState === 'POLLING' && activityPollerState === 'POLLING'
        const what = `worker ${runState}, workflow tasks ${workflowPollerState}, activities ${activityPollerState}`
        return Promise.resolve(
          ok ? { ok, what } : { ok, what, todo: 'Read its log; restart it if it does not recover.' },
        )
      },
    },
    {
      name: 'temporal',
      async look() {
        const queue = await connection.withDeadline(Date.now() + DEADLINE_MS, () =>
          describeTaskQueue({ connection, place }, taskQueue),
        )
        return {
          ok: true,
          what: `${place.address} answers; version ${host.version.buildId} ${standingIn(queue, host.version)}`,
        }
      },
    },
    {
      name: 'database',
      async look() {
        const pending = await pendingMigrations(db)
        if (pending.length === 0) return { ok: true, what: 'answers, and the ledger is up to date' }
        return { ok: false, what: `the ledger lacks ${pending.join(', ')}`, todo: 'Run `countersign setup`.' }
      },
    },
    {
      name: 'policies',
      async look() {
        const { inForce } = host.policies()
        const texts = await Promise.all(inForce.map(({ policyDigest }) => policyText(db, policyDigest)))
        const lost = inForce.filter((_, at) => texts[at] === undefined).map(({ workflow }) => workflow)
        if (lost.length === 0) return { ok: true, what: `${inForce.length} in force` }
        const what = `the ledger lost the policy of ${lost.join(', ')}`
        return { ok: false, what, todo: 'Restart the worker, which stores it again; see why the database lost rows.' }
      },
    },
    { name: 'policy-files', look: () => Promise.resolve(policyFiles(host.policies())) },
  ]
}

/**
 * A worker whose policy files are wrong goes on under the last good ones, as all other workers of its folder do: to take
 * them out of service would end all service. So it is ready, with a warning.
 */
function policyFiles({ trouble, refreshMs }: PolicyStanding): Checked {
  if (trouble !== null) {
    const what = `${TROUBLE_WORDS[trouble.why]}: ${trouble.problems.join('; ')}`
    return { ok: true, warning: true, what, todo: TROUBLE_TODO[trouble.why] }
  }
  if (refreshMs === 0) return { ok: true, what: 'read at the start; a change takes a restart' }
  return { ok: true, what: `in force, and looked at every ${refreshMs / 1000} s` }
}

const TROUBLE_TODO: Readonly<Record<keyof typeof TROUBLE_WORDS, string>> = {
  invalid: 'Mend the files, or put back what was there; see `countersign policy check`.',
  not_stored: 'See why the database does not take them; it is tried again.',
  candidate_invalid: 'Mend the candidate, or remove it; see `countersign policy check`.',
}
