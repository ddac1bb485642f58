import proto from '@temporalio/proto'
import { hostname } from 'node:os'
import { deploymentOf, type WorkerVersion } from '../contract/version.ts'
import { makeCurrent } from '../worker/deployment.ts'
import { CliError } from './errors.ts'
import { GRPC, grpcOf } from '../client/grpc.ts'
import type { Session } from './session.ts'
import { isSameVersion, type TaskQueue } from './task-queue.ts'
import { style } from './terminal.ts'

const Status = proto.temporal.api.enums.v1.WorkerDeploymentVersionStatus

type Server = Pick<Session, 'connection' | 'place'>

/**
 * What a version is to its deployment. `inactive`: it has never been given new runs. `draining`: it gets none any more,
 * and open ones are pinned to it. `drained`: none are left, as Temporal found some minutes after the last one closed.
 */
export type VersionStatus = 'inactive' | 'current' | 'ramping' | 'draining' | 'drained'

/** A version that Temporal knows, because a worker of it has polled or because it was made current. */
export interface KnownVersion {
  readonly buildId: string
  readonly status: VersionStatus
  /** How much of the new runs go to it: of the current version what no ramp takes. */
  readonly percent: number
  /** Open runs that are pinned to it. Visibility lags behind by a second or so. */
  readonly openRuns: number
  /** ISO 8601, UTC. */
  readonly createdAt: string
}

/** The versions of a deployment, newest first; none when Temporal does not know it. */
export async function versionsOf({ connection, place }: Server, deployment: string): Promise<readonly KnownVersion[]> {
  const { namespace } = place
  let info: proto.temporal.api.deployment.v1.IWorkerDeploymentInfo | null | undefined
  try {
    const described = await connection.workflowService.describeWorkerDeployment({
      namespace,
      deploymentName: deployment,
    })
    info = described.workerDeploymentInfo
  } catch (error) {
    if (grpcOf(error)?.code === GRPC.notFound) return []
    throw error
  }
  const ramp = info?.routingConfig?.rampingVersionPercentage ?? 0
  const known = (info?.versionSummaries ?? []).map(async ({ deploymentVersion, status, createTime }) => {
    const buildId = deploymentVersion?.buildId ?? ''
    const word = statusOf(status)
    return {
      buildId,
      status: word,
      percent: word === 'current' ? 100 - ramp : word === 'ramping' ? ramp : 0,
      openRuns: await openRunsOf({ connection, place }, { deployment, buildId }),
      createdAt: new Date(Number(createTime?.seconds ?? 0) * 1000).toISOString(),
    }
  })
  return (await Promise.all(known)).toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))
}

/** What a worker whose version gets no new runs has to say: where they go instead, and how to change that. */
export function notCurrent(
  known: readonly KnownVersion[],
  { deployment, buildId }: WorkerVersion,
  taskQueue: string,
): readonly string[] {
  const current = known.find(({ status }) => status === 'current')
  const where = current === undefined ? 'wait, since no version is current' : `go to version ${current.buildId}`
  const named = deployment === deploymentOf(taskQueue) ? '' : ` --deployment ${deployment}`
  return [
    `${style('red', 'NOT CURRENT:')} this worker gets only runs that are pinned to its version; new runs ${where}.`,
    `  help  countersign rollout ${buildId} --task-queue ${taskQueue}${named}`,
  ]
}

/** `is current`, `is ramping`, `gets no new runs`: what a version is to the task queue that its workers poll. */
export function standingIn({ current, ramping }: TaskQueue, version: WorkerVersion): string {
  if (isSameVersion(current, version)) return 'is current'
  return ramping !== null && isSameVersion(ramping, version) ? 'is ramping' : 'gets no new runs'
}

function statusOf(status: proto.temporal.api.enums.v1.WorkerDeploymentVersionStatus | null | undefined): VersionStatus {
  if (status === Status.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT) return 'current'
  if (status === Status.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING) return 'ramping'
  if (status === Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING) return 'draining'
  if (status === Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED) return 'drained'
  return 'inactive'
}

async function openRunsOf({ connection, place }: Server, { deployment, buildId }: WorkerVersion): Promise<number> {
  const { count } = await connection.workflowService.countWorkflowExecutions({
    namespace: place.namespace,
    query: `TemporalWorkerDeploymentVersion = '${deployment}:${buildId}' AND ExecutionStatus = 'Running'`,
  })
  return Number(count)
}

/** What `setup` made of the version of the project: the first of a deployment is made current. */
export interface Adopted {
  readonly state: 'made current' | 'current' | 'not current'
  /** The build id that new runs go to. */
  readonly current: string
}

export async function adoptVersion(server: Server, version: WorkerVersion): Promise<Adopted> {
  const known = await versionsOf(server, version.deployment)
  const current = known.find(({ status }) => status === 'current')?.buildId
  if (current !== undefined) return { state: current === version.buildId ? 'current' : 'not current', current }
  await makeCurrent(server.connection, server.place.namespace, version)
  return { state: 'made current', current: version.buildId }
}

/**
 * Sends `percent` of the new runs to a version of which a worker polls: 100 makes it current, less ramps it up beside
 * the current one. Fails with `version_without_worker`.
 */
export async function rollOut({ connection, place }: Server, version: WorkerVersion, percent: number): Promise<void> {
  const { deployment, buildId } = version
  const routing = {
    namespace: place.namespace,
    deploymentName: deployment,
    buildId,
    identity: `${process.pid}@${hostname()}`,
  }
  const { workflowService } = connection
  try {
    if (percent === 100) await workflowService.setWorkerDeploymentCurrentVersion(routing)
    else await workflowService.setWorkerDeploymentRampingVersion({ ...routing, percentage: percent })
  } catch (error) {
    const grpc = grpcOf(error)
    if (grpc?.code !== GRPC.notFound && grpc?.code !== GRPC.failedPrecondition) throw error
    throw new CliError(
      'version_without_worker',
      `New runs cannot go to version ${buildId} of deployment \`${deployment}\`: ${grpc.details}`,
      'Start `countersign worker` with that build first, on every task queue of the deployment; then try again.',
      { cause: error },
    )
  }
}

/** Ends a ramp: all new runs go to the current version again. */
export async function endRamp({ connection, place }: Server, deployment: string): Promise<void> {
  await connection.workflowService.setWorkerDeploymentRampingVersion({
    namespace: place.namespace,
    deploymentName: deployment,
    buildId: '',
    percentage: 0,
    identity: `${process.pid}@${hostname()}`,
  })
}
