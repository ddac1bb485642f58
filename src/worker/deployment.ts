import type { ConnectionLike } from '@temporalio/client'
import { hostname } from 'node:os'
import type { WorkerVersion } from '../contract/version.ts'

/**
 * Sends the new runs of a deployment to a version from now on; open ones stay with theirs. A worker of it need not
 * poll yet: new runs wait until one does. Workers of a deployment without a current version get no run.
 */
export async function makeCurrent(
  connection: ConnectionLike,
  namespace: string,
  { deployment, buildId }: WorkerVersion,
): Promise<void> {
  await connection.workflowService.setWorkerDeploymentCurrentVersion({
    namespace,
    deploymentName: deployment,
    buildId,
    allowNoPollers: true,
    ignoreMissingTaskQueues: true,
    identity: `${process.pid}@${hostname()}`,
  })
}
