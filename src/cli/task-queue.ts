import proto from '@temporalio/proto'
import type { WorkerVersion } from '../contract/version.ts'
import type { Session } from './session.ts'

const { TASK_QUEUE_TYPE_WORKFLOW } = proto.temporal.api.enums.v1.TaskQueueType

/** A worker that has polled in the last five minutes, as long as Temporal remembers it. */
interface Poller {
  /** `null`: it is a worker without versions. */
  readonly version: WorkerVersion | null
  /** A worker that is up polls once a minute at least. */
  readonly lastPoll: Date
}

/** Who listens on a task queue, and which version its new runs go to. */
export interface TaskQueue {
  readonly name: string
  readonly current: WorkerVersion | null
  readonly ramping: WorkerVersion | null
  readonly pollers: readonly Poller[]
}

export async function describeTaskQueue(
  { connection, place }: Pick<Session, 'connection' | 'place'>,
  name: string,
): Promise<TaskQueue> {
  const { pollers, versioningInfo } = await connection.workflowService.describeTaskQueue({
    namespace: place.namespace,
    taskQueue: { name },
    taskQueueType: TASK_QUEUE_TYPE_WORKFLOW,
  })
  return {
    name,
    current: versionOf(versioningInfo?.currentDeploymentVersion),
    ramping: versionOf(versioningInfo?.rampingDeploymentVersion),
    pollers: (pollers ?? []).map(({ deploymentOptions, lastAccessTime }) => ({
      version: versionOf(deploymentOptions),
      lastPoll: new Date(Number(lastAccessTime?.seconds ?? 0) * 1000),
    })),
  }
}

type Written = { readonly deploymentName?: string | null; readonly buildId?: string | null } | null | undefined

const versionOf = (written: Written): WorkerVersion | null =>
  written?.deploymentName && written.buildId ? { deployment: written.deploymentName, buildId: written.buildId } : null

export const isSameVersion = (one: WorkerVersion | null, other: WorkerVersion | null): boolean =>
  one?.deployment === other?.deployment && one?.buildId === other?.buildId

/** When a worker of a version polled last; `undefined`: none in the last five minutes. */
export function lastPollOf({ pollers }: TaskQueue, version: WorkerVersion): Date | undefined {
  const times = pollers.filter((poller) => isSameVersion(poller.version, version)).map(({ lastPoll }) => lastPoll)
  return times.toSorted((a, b) => b.getTime() - a.getTime())[0]
}

/** Why nobody picks up a new run; `undefined`: somebody does. */
export function whyNewRunsWait({ name, current, ramping, pollers }: TaskQueue): string | undefined {
  if (pollers.length === 0) return `No worker listens on the task queue \`${name}\` now; the run waits until one does.`
  const takers = pollers.filter(
    ({ version }) => isSameVersion(version, current) || (ramping !== null && isSameVersion(version, ramping)),
  )
  if (takers.length > 0) return undefined
  return current === null
    ? `No version of the workers on \`${name}\` is current, so the run waits; see \`countersign versions\`.`
    : `No worker of the current version ${current.buildId} listens on \`${name}\` now; the run waits until one does.`
}
