import type { Client } from '@temporalio/client'
import pMap from 'p-map'
import { type RunKey, runKeyOf } from '../../contract/evidence.ts'
import { fail } from '../../contract/failures.ts'
import { visibilityText } from '../../contract/visibility.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { isNotFound } from '../histories.ts'
import { beginLook, endLook } from '../../ledger/sweep-marks.ts'
import {
  type ClosedExecution,
  noteClosed,
  noteErased,
  noteLedgerRuns,
  runsAmong,
  seenExecutions,
} from '../../ledger/sweep-runs.ts'

/** Which runs are swept: those that were started on a task queue of a namespace. */
export interface Swept {
  readonly client: Client
  readonly db: LedgerDatabase
  readonly namespace: string
  readonly taskQueue: string
}

/** How much later than its close visibility may tell of an execution, and clocks may differ. */
const LATE_MS = 3_600_000
/** How often it looks at everything, whatever its time. */
const ALL_EVERY_MS = 86_400_000
const PAGE = 500
const AT_ONCE = 8

/**
 * Looks for what has closed and was not seen: in Temporal's visibility and in the ledger. With an overlap of an hour, and once a day at all there is, so
 * that nothing depends on when it was told. Answers how many executions are new.
 */
export async function gather(swept: Swept, alive: () => void = () => {}): Promise<number> {
  const { client, db, namespace } = swept
  const look = await beginLook(db, swept, ALL_EVERY_MS)
  const since = look.since === null ? null : new Date(look.since.getTime() - LATE_MS)
  await noteLedgerRuns(db, namespace, since)
  await noteErased(db, namespace, since)
  let found = 0
  let page: Listed[] = []
  const note = async (): Promise<void> => {
    found += await notePage(swept, page)
    page = []
    alive()
  }
  for await (const listed of client.workflow.list({ query: queryOf(swept.taskQueue, since), pageSize: PAGE })) {
    const { workflowId, runId, closeTime } = listed
    if (closeTime !== undefined) page.push({ workflowId, runId, closedAt: closeTime })
    if (page.length === PAGE) await note()
  }
  await note()
  await endLook(db, swept, look)
  return found
}

type Listed = Omit<ClosedExecution, 'runKey'>

async function notePage(swept: Swept, page: readonly Listed[]): Promise<number> {
  const { db, namespace } = swept
  const seen = await seenExecutions(
    db,
    page.map(({ runId }) => runId),
  )
  const fresh = page.filter(({ runId }) => !seen.has(runId))
  const guesses = fresh.map(({ workflowId, runId }) => runKeyOf(workflowId, runId))
  // Most are the first execution of their run, and the ledger has that.
  const known = await runsAmong(db, guesses)
  const closed = await pMap(
    fresh,
    async (listed) => {
      const guess = runKeyOf(listed.workflowId, listed.runId)
      const runKey = known.has(guess) ? guess : ((await runKeyOfExecution(swept, listed)) ?? guess)
      return { ...listed, runKey }
    },
    { concurrency: AT_ONCE },
  )
  await noteClosed(db, namespace, closed)
  return closed.length
}

/** To which run an execution belongs, of its first event; the newest of its workflow id where no run id is given. `undefined`: Temporal does not have it. */
export async function runKeyOfExecution(
  { client, namespace }: Pick<Swept, 'client' | 'namespace'>,
  { workflowId, runId }: { readonly workflowId: string; readonly runId: string },
): Promise<RunKey | undefined> {
  try {
    const { history } = await client.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    })
    const first = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.firstExecutionRunId
    return first ? runKeyOf(workflowId, first) : undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function queryOf(taskQueue: string, since: Date | null): string {
  const queue = visibilityText(taskQueue)
  if (queue === undefined) throw fail('request_invalid', `\`${taskQueue}\` cannot be searched for`)
  return `TaskQueue = ${queue} AND CloseTime >= '${(since ?? new Date(0)).toISOString()}'`
}
