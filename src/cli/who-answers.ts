import type { Session } from './session.ts'
import { describeTaskQueue, lastPollOf } from './task-queue.ts'
import { plain } from './terminal.ts'
import { moment } from '../contract/moment.ts'

/** Which worker an open run needs in order to answer: it is pinned to the version that it began on. */
export async function whoAnswers(session: Session, workflowId: string): Promise<string> {
  const { version, taskQueue } = await session.client.run(workflowId).summary()
  const queue = plain(taskQueue)
  if (version === null) return `Start a worker on the task queue \`${queue}\`.`
  const last = lastPollOf(await describeTaskQueue(session, taskQueue), version)
  const heard =
    last === undefined ? 'none of them has polled lately' : `they polled last at ${moment(last.toISOString())}`
  const which = `workers of version ${plain(version.buildId)} of deployment ${plain(version.deployment)}`
  return `The run is pinned: only ${which} on the task queue \`${queue}\` answer for it; ${heard}. Start one.`
}
