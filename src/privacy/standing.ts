import { type Client, WorkflowNotFoundError } from '@temporalio/client'
import type { Standing } from './erase-workflow.ts'

/** Asks Temporal whether a workflow is open. Of the namespace of the client only: nobody knows here what is in another. */
export function standingIn(client: Client, here: string): (namespace: string, workflowId: string) => Promise<Standing> {
  return async (namespace, workflowId) => {
    if (namespace !== here) return { is: 'elsewhere' }
    try {
      const { status, closeTime } = await client.workflow.getHandle(workflowId).describe()
      // One that went on is described as the execution that it went on as.
      return status.name === 'RUNNING' || status.name === 'PAUSED'
        ? { is: 'open' }
        : { is: 'closed', at: closeTime ?? null }
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { is: 'closed', at: null }
      throw error
    }
  }
}
