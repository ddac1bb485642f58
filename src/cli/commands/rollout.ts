import type { Command } from 'commander'
import {
  type CommonOptions,
  type DeploymentOption,
  type JsonOption,
  namedDeployment,
  type ProjectOption,
  wholeNumber,
  withCommon,
  withDeployment,
  withJson,
  withProject,
} from '../options.ts'
import { UsageError } from '../errors.ts'
import { withSession } from '../session.ts'
import { out, outJson } from '../terminal.ts'

interface Options extends CommonOptions, JsonOption, DeploymentOption, ProjectOption {
  readonly percent: number
}

/** `countersign rollout`: sends new runs to a version whose workers poll. Open runs stay on theirs. */
export function define(command: Command): void {
  withProject(withDeployment(withJson(withCommon(command))))
    .argument('[version]', 'the build id (default: that of the project as it is here)')
    .option('--percent <number>', 'only this much of the new runs; 0 ends that again', wholeNumber(0, 100), 100)
    .action(rollout)
}

async function rollout(named: string | undefined, options: Options): Promise<void> {
  const { percent, json } = options
  const deployment = namedDeployment(options)
  if (percent === 0 && named !== undefined) {
    throw new UsageError('`--percent 0` takes no version', 'It sends all new runs to the current version again.')
  }
  await withSession(options, async (session) => {
    const { endRamp, rollOut } = await import('../deployment.ts')
    if (percent === 0) {
      await endRamp(session, deployment)
      if (json) outJson({ deployment, percent })
      else out(`all new runs of deployment ${deployment} go to its current version`)
      return
    }
    const buildId = named ?? (await buildIdOf(options.config))
    await rollOut(session, { deployment, buildId }, percent)
    if (json) outJson({ deployment, buildId, percent })
    else out(`${percent === 100 ? 'all' : `${percent} %`} of the new runs of deployment ${deployment} go to ${buildId}`)
  })
}

async function buildIdOf(config: string | undefined): Promise<string> {
  const [{ loadProject }, { bundlePlaybooks }] = await Promise.all([
    import('../project.ts'),
    import('../../worker/bundle.ts'),
  ])
  const { project } = await loadProject(config)
  return (await bundlePlaybooks(project.workflows)).buildId
}
