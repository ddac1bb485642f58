import type { Connection } from '@temporalio/client'
import type proto from '@temporalio/proto'
import type { WorkerVersion } from '../../contract/version.ts'
import { versionsOf } from '../deployment.ts'
import { GRPC, grpcOf } from '../../client/grpc.ts'
import { missingAttributes, WANTED } from '../search-attributes.ts'
import { describeTaskQueue, lastPollOf } from '../task-queue.ts'
import type { TemporalPlace } from '../where.ts'
import { failed, type Finding, looked, ok, warn } from './finding.ts'

const DAY_S = 86_400
/** Histories that are kept for less are gone before somebody asks. */
const SHORT_DAYS = 7

/** What a worker needs of Temporal. `version` is that of the project as it is here; `undefined`: it has none. */
export async function lookAtTemporal(
  connection: Connection,
  place: TemporalPlace,
  { version, deployment, taskQueue }: { version: WorkerVersion | undefined; deployment: string; taskQueue: string },
): Promise<readonly Finding[]> {
  const { namespace } = place
  const server = await looked('temporal', async () => {
    const { serverVersion } = await connection.workflowService.getSystemInfo({})
    return ok('temporal', `${place.address} (${place.from}) answers, server ${serverVersion}`)
  })
  const found = await looked('namespace', async () => retentionOf(connection, namespace))
  if (found.some(({ state }) => state === 'FAIL')) return [...server, ...found]
  const [attributes, versions] = await Promise.all([
    looked('search-attributes', () => attributesOf(connection, namespace)),
    looked('versions', () => versionsIn(connection, place, { version, deployment, taskQueue })),
  ])
  return [...server, ...found, ...attributes, ...versions]
}

async function retentionOf(connection: Connection, namespace: string): Promise<Finding> {
  let config: proto.temporal.api.namespace.v1.INamespaceConfig | null | undefined
  try {
    config = (await connection.workflowService.describeNamespace({ namespace })).config
  } catch (error) {
    if (grpcOf(error)?.code !== GRPC.notFound) throw error
    const todo = 'Create the namespace, or name another one with TEMPORAL_NAMESPACE.'
    return failed('namespace', `there is no namespace \`${namespace}\``, todo)
  }
  const days = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / DAY_S
  const what = `\`${namespace}\` is there, and keeps histories of closed runs for ${Math.round(days * 10) / 10} days`
  if (days >= SHORT_DAYS) return ok('namespace', what)
  return warn('namespace', what, 'Lengthen the retention, or export histories before they are gone.')
}

async function attributesOf(connection: Connection, namespace: string): Promise<Finding> {
  const missing = await missingAttributes(connection, namespace)
  if (missing.length === 0) return ok('search-attributes', `all ${WANTED.length} are registered, each with its type`)
  const names = missing.map(({ name }) => name).join(', ')
  return failed('search-attributes', `\`${namespace}\` lacks ${names}`, 'Run `countersign setup`.')
}

/** Who gets new runs, and whether somebody polls for them and for those that are open. */
async function versionsIn(
  connection: Connection,
  place: TemporalPlace,
  { version, deployment, taskQueue }: { version: WorkerVersion | undefined; deployment: string; taskQueue: string },
): Promise<readonly Finding[]> {
  const [known, queue] = await Promise.all([
    versionsOf({ connection, place }, deployment),
    describeTaskQueue({ connection, place }, taskQueue),
  ])
  const polled = (buildId: string): boolean => lastPollOf(queue, { deployment, buildId }) !== undefined
  const current = known.find(({ status }) => status === 'current')
  const findings: Finding[] = []
  if (current === undefined) {
    const what = `no version of deployment \`${deployment}\` is current, so new runs wait`
    findings.push(failed('versions', what, 'Run `countersign setup`, or `countersign rollout` once a worker polls.'))
  } else if (!polled(current.buildId)) {
    const what = `no worker of the current version ${current.buildId} has polled \`${taskQueue}\` for five minutes`
    findings.push(warn('versions', what, 'Start `countersign worker` with that build; its runs wait until then.'))
  } else if (version !== undefined && version.buildId !== current.buildId) {
    const what = `${current.buildId} is current and polled; the code in this folder is ${version.buildId}`
    findings.push(
      warn('versions', what, 'Start a worker of it, then `countersign rollout`, where it is to get new runs.'),
    )
  } else {
    findings.push(
      ok('versions', `${current.buildId} of deployment \`${deployment}\` is current, and polls \`${taskQueue}\``),
    )
  }
  for (const { buildId, openRuns } of known) {
    if (openRuns === 0 || buildId === current?.buildId || polled(buildId)) continue
    const what = `${openRuns} open runs are pinned to ${buildId}, of which no worker polls`
    findings.push(failed('versions', what, 'Start a worker of that build again; `countersign versions` lists them.'))
  }
  return findings
}
