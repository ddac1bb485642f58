import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import { type JsonOption, type ProjectOption, withJson, withProject } from '../options.ts'
import { out, outJson, say } from '../terminal.ts'

type Options = JsonOption & ProjectOption

/** `countersign policy test`: exit code 3 where a case does not come out as it says, or none was run. */
export function define(policy: Command): void {
  const test = policy.command('test').description('run the decision tables beside the policies, `<name>.cases.yaml`')
  withProject(withJson(test))
    .argument('[folder]', 'of policies and tables; default: what the worker reads')
    .option('--verbose', 'show where an error comes from')
    .action(run)
}

async function run(folder: string | undefined, options: Options): Promise<void> {
  const { loadProject } = await import('../project.ts')
  const { isAsExpected, testedJson, testedLines, testFolder } = await import('../policy-testing.ts')
  const { formatProblem } = await import('../../policy/load/index.ts')
  const { project } = await loadProject(options.config)
  const tested = await testFolder(project, folder)
  if (options.json) outJson(testedJson(tested))
  else for (const line of testedLines(tested)) out(line)
  for (const { problems } of tested) for (const problem of problems) say(formatProblem(problem))
  if (!isAsExpected(tested)) process.exitCode = EXIT.no
}
