import proto from '@temporalio/proto'
import type { Session } from './session.ts'

/** Whether a worker has polled the task queue of a session in the last minutes. */
export async function isPolled({ connection, place, taskQueue }: Session): Promise<boolean> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace: place.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  })
  return (pollers ?? []).length > 0
}
