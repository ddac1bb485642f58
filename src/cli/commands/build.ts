import type { Command } from 'commander'
import { type JsonOption, type ProjectOption, withJson, withProject } from '../options.ts'

interface Options extends JsonOption, ProjectOption {
  readonly out: string
}

/** `countersign build`: bundles the playbooks ahead of time, for `countersign worker --bundle`. */
export function define(command: Command): void {
  withProject(withJson(command))
    .option('--out <folder>', 'where the bundle is written', 'dist/playbooks')
    .option('--verbose', 'show where an error comes from')
    .action(build)
}

async function build({ out: folder, json, config }: Options): Promise<void> {
  const [{ loadProject }, { writeBundle }, { out, outJson }] = await Promise.all([
    import('../project.ts'),
    import('../../worker/prebuilt.ts'),
    import('../terminal.ts'),
  ])
  const { project } = await loadProject(config)
  const { buildId, playbooks, files, bytes } = await writeBundle(project.workflows, folder)
  if (json) {
    outJson({ folder, buildId, playbooks, files, bytes })
    return
  }
  out(`version  ${buildId}`)
  for (const name of playbooks) out(`playbook  ${name}`)
  out(`bundle  ${folder}, ${Math.round(bytes / 1024)} KB of ${files} files`)
}
