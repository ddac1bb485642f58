import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import { type JsonOption, type ProjectOption, withJson, withProject } from '../options.ts'
import { tableOf } from '../table.ts'
import { out, outJson, say } from '../terminal.ts'
import { define as defineDiff } from './policy-diff.ts'
import { define as defineExplain } from './policy-explain.ts'

type Options = JsonOption & ProjectOption

/** `countersign policy check`, `diff` and `explain` */
export function define(command: Command): void {
  const check = command.command('check').description('check the policies of the project, or the given files')
  withProject(withJson(check))
    .argument('[file...]', 'policy files; default: what the worker reads')
    .option('--verbose', 'show where an error comes from')
    .action(run)
  defineDiff(command)
  defineExplain(command)
}

async function run(files: readonly string[], options: Options): Promise<void> {
  const { loadProject } = await import('../project.ts')
  const { checkPolicies } = await import('../policy-check.ts')
  const { formatProblem } = await import('../../policy/load/index.ts')
  const { project } = await loadProject(options.config)
  const checked = await checkPolicies(project, files)
  if (options.json) outJson({ files: checked })
  else {
    const good = checked.filter(({ ok }) => ok)
    for (const line of tableOf(good.map(({ file, workflow, digest }) => ['ok', file, workflow ?? '', digest ?? '']))) {
      out(line)
    }
  }
  for (const { problems } of checked) for (const problem of problems) say(formatProblem(problem))
  if (checked.some(({ ok }) => !ok)) process.exitCode = EXIT.no
}
