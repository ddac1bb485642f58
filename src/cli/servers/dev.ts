import { SAMPLE } from '../../../activities/records/sample.ts'
import type { WorkerVersion } from '../../contract/version.ts'
import { DEFAULT_TASK_QUEUE } from '../../contract/wire.ts'
import { notCurrent, versionsOf } from '../deployment.ts'
import { startDevelopment } from '../development.ts'
import { policyLines } from '../policy-lines.ts'
import { type CommonOptions, type DeploymentOption, namedDeployment, type ProjectOption } from '../options.ts'
import { loadProject } from '../project.ts'
import type { Session } from '../session.ts'
import { Closing, listenForStop } from '../stopping.ts'
import { say } from '../terminal.ts'

export type DevOptions = CommonOptions & DeploymentOption & ProjectOption

/** Runs servers, sample and worker until SIGINT or SIGTERM, and tells what to type meanwhile. */
export async function dev(given: DevOptions): Promise<void> {
  const { stateDir, taskQueue, config } = given
  const deployment = namedDeployment(given)
  const stopping = listenForStop('everything that was started here stops')
  const { project, file } = await loadProject(config)
  const closing = new Closing()
  try {
    const options = {
      stateDir,
      work: () => ({ taskQueue, deployment }),
      hasOwnDeployment: false,
      project,
      logLevel: 'WARN',
    } as const
    const { session, host, exports } = await startDevelopment(options, closing)
    if (session.place.uiUrl !== null) say(`UI        ${session.place.uiUrl}`)
    say(`temporal  export TEMPORAL_ADDRESS=${session.place.address}`)
    for (const line of policyLines(host.policies().inForce)) say(`playbook  ${line}`)
    for (const line of exports) say(`export    ${line}`)
    say(`ready     task queue ${taskQueue}, version ${host.version.buildId}`)
    await sayWhoWaits(session, host.version)
    if (file === null) for (const line of examples(session)) say(line)
    say('Ctrl-C stops everything that was started here.')
    await Promise.race([stopping.asked, host.ended])
  } finally {
    await closing.close()
  }
}

/** Runs of builds that are gone: a changed playbook is another build, and does not take them over. */
async function sayWhoWaits(session: Session, { deployment, buildId }: WorkerVersion): Promise<void> {
  const known = await versionsOf(session, deployment)
  const isServed = known.some((version) => version.buildId === buildId && version.percent > 0)
  if (!isServed) for (const line of notCurrent(known, { deployment, buildId }, session.taskQueue)) say(line)
  const waiting = known.filter((version) => version.buildId !== buildId && version.openRuns > 0)
  if (waiting.length > 0) say('Open runs of earlier builds wait for a worker of theirs: see `countersign versions`.')
}

/** What to type in another terminal, on the shipped sample. */
function examples({ flags, taskQueue }: Session): readonly string[] {
  const { orderId, ticketId } = SAMPLE.large
  const request = JSON.stringify({ orderId, ticketId, message: 'It arrived damaged. I want my $120.00 back.' })
  const queue = taskQueue === DEFAULT_TASK_QUEUE ? '' : ` --task-queue ${taskQueue}`
  return [
    '',
    'In another terminal, in this folder:',
    `  countersign start refund_request --id refund-1 --by ana@acme.example --request '${request}'${queue}${flags}`,
    `  countersign show refund-1${flags}`,
    `  countersign approve refund-1 --by ben@acme.example${flags}`,
    `  countersign undo refund-1 --by olga@acme.example --comment 'it was the wrong customer'${flags}`,
    `  countersign list${flags}`,
    '',
  ]
}
