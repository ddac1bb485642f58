import { type Command, Option } from 'commander'
import { EXIT } from '../exit.ts'
import { DEFAULT_IDENTITY } from '../identity-options.ts'
import { type JsonOption, type ProjectOption, withJson, withProject } from '../options.ts'
import { tableOf } from '../table.ts'
import { out, outJson, say } from '../terminal.ts'
import { define as defineBacktest } from './policy-backtest.ts'
import { define as defineDiff } from './policy-diff.ts'
import { define as defineExplain } from './policy-explain.ts'
import { define as defineTest } from './policy-test.ts'

interface Options extends JsonOption, ProjectOption {
  readonly sarif?: true
  readonly identity?: string
}

/** `countersign policy check`, `test`, `explain`, `diff` and `backtest` */
export function define(command: Command): void {
  const check = command.command('check').description('check the policies of the project, or the given files')
  withProject(withJson(check))
    .addOption(new Option('--sarif', 'print SARIF 2.1.0 to stdout, as code scanning reads it').conflicts('json'))
    .addOption(
      new Option(
        '--identity <file>',
        `the mapping of identities, which has the approver groups (default: ${DEFAULT_IDENTITY}, where there is one)`,
      ).env('COUNTERSIGN_IDENTITY'),
    )
    .argument('[file...]', 'policy files; default: what the worker reads')
    .option('--verbose', 'show where an error comes from')
    .action(run)
  defineTest(command)
  defineExplain(command)
  defineDiff(command)
  defineBacktest(command)
}

async function run(files: readonly string[], options: Options): Promise<void> {
  const { loadProject } = await import('../project.ts')
  const { checkPolicies, knownGroups } = await import('../policy-check.ts')
  const { sarifOf } = await import('../policy-sarif.ts')
  const { formatProblem } = await import('../../policy/load/index.ts')
  const { project } = await loadProject(options.config)
  const checked = await checkPolicies(project, files, knownGroups(options.identity))
  const problems = checked.flatMap((one) => one.problems)
  if (options.json) outJson({ files: checked })
  else if (options.sarif) outJson(sarifOf(problems))
  else {
    const good = checked.filter(({ ok }) => ok)
    for (const line of tableOf(good.map(({ file, workflow, digest }) => ['ok', file, workflow ?? '', digest ?? '']))) {
      out(line)
    }
  }
  for (const problem of problems) say(formatProblem(problem))
  if (checked.some(({ ok }) => !ok)) process.exitCode = EXIT.no
}
