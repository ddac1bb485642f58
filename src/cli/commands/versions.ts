import type { Command } from 'commander'
import type { KnownVersion } from '../deployment.ts'
import {
  type CommonOptions,
  type DeploymentOption,
  type JsonOption,
  namedDeployment,
  withCommon,
  withDeployment,
  withJson,
} from '../options.ts'
import { withSession } from '../session.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { moment } from '../../contract/moment.ts'

type Options = CommonOptions & JsonOption & DeploymentOption

/** `countersign versions`: which build gets new runs, and which one still has open runs. */
export function define(command: Command): void {
  withDeployment(withJson(withCommon(command))).action(versions)
}

/** A version with when a worker of it polled last: `null` when none has for five minutes. */
interface Listed extends KnownVersion {
  readonly lastPollAt: string | null
}

async function versions(options: Options): Promise<void> {
  const deployment = namedDeployment(options)
  await withSession(options, async (session) => {
    const [{ versionsOf }, { describeTaskQueue, lastPollOf }] = await Promise.all([
      import('../deployment.ts'),
      import('../task-queue.ts'),
    ])
    const { taskQueue } = session
    const [known, queue] = await Promise.all([versionsOf(session, deployment), describeTaskQueue(session, taskQueue)])
    const listed = known.map((version) => {
      const polled = lastPollOf(queue, { deployment, buildId: version.buildId })
      return { ...version, lastPollAt: polled?.toISOString() ?? null }
    })
    if (options.json) {
      outJson({ deployment, taskQueue, versions: listed })
      return
    }
    if (listed.length > 0) for (const line of tableOf([HEAD, ...listed.map(rowOf)])) out(line)
    for (const line of adviceOn(listed, deployment)) say(line)
  })
}

const HEAD = ['VERSION', 'STATUS', 'OPEN RUNS', 'SINCE', 'LAST POLL']

const rowOf = ({ buildId, status, percent, openRuns, createdAt, lastPollAt }: Listed): readonly string[] => [
  plain(buildId),
  percent === 0 || percent === 100 ? status : `${status} ${percent} %`,
  String(openRuns),
  moment(createdAt),
  lastPollAt === null ? '-' : moment(lastPollAt),
]

/** What an operator has to do about the versions as they are. */
function adviceOn(listed: readonly Listed[], deployment: string): readonly string[] {
  if (listed.length === 0) return [`Temporal knows no version of the deployment \`${deployment}\`.`]
  const lines: string[] = []
  if (!listed.some(({ status }) => status === 'current')) {
    lines.push('No version is current, so new runs wait: `countersign rollout <version>` makes one.')
  }
  for (const { buildId, status, openRuns, lastPollAt } of listed) {
    const runs = openRuns === 1 ? '1 open run is' : `${openRuns} open runs are`
    if (openRuns > 0 && lastPollAt === null) {
      lines.push(`${runs} pinned to ${plain(buildId)}, of which no worker polls: start one again.`)
    } else if (status === 'drained' && lastPollAt !== null) {
      lines.push(`${plain(buildId)} is drained: its workers can be stopped.`)
    }
  }
  return lines
}
