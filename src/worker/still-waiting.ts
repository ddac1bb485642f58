import { Client, type ConnectionLike, WorkflowNotFoundError } from '@temporalio/client'
import type { DataConverter } from '@temporalio/common'
import type { NativeConnection } from '@temporalio/worker'
import type { Notice } from '../contract/notice.ts'
import type { RunStatus } from '../contract/run.ts'
import { WIRE } from '../contract/wire.ts'

const ANSWER_MS = 10_000

/** Asks the run itself whether a question still waits; one that is gone or closed waits for nobody. */
export function isWaitingOn(
  connection: NativeConnection,
  namespace: string,
  dataConverter: DataConverter = {},
): (notice: Notice) => Promise<boolean> {
  const client = new Client({ connection: connection as unknown as ConnectionLike, namespace, dataConverter })
  return async ({ workflowId, step, actionDigest }) => {
    const handle = client.workflow.getHandle(workflowId)
    try {
      const { status } = await handle.describe()
      if (status.name !== 'RUNNING') return false
      const { pending } = await client.withDeadline(Date.now() + ANSWER_MS, () =>
        handle.query<RunStatus>(WIRE.queries.status),
      )
      return pending.some((one) => one.step === step && one.actionDigest === actionDigest)
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false
      throw error
    }
  }
}
