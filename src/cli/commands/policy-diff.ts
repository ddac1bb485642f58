import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import { type JsonOption, type ProjectOption, withJson, withProject } from '../options.ts'
import { out, outJson } from '../terminal.ts'

type Options = JsonOption & ProjectOption

/** `countersign policy diff`: exit code 3 unless the policies are known to mean the same. */
export function define(policy: Command): void {
  const diff = policy.command('diff').description('tell what two policies of one playbook decide otherwise')
  withProject(withJson(diff))
    .argument('<old>', 'the policy file as it was')
    .argument('<new>', 'the policy file as it is to be')
    .option('--verbose', 'show where an error comes from')
    .action(run)
}

async function run(before: string, after: string, options: Options): Promise<void> {
  const [{ loadProject }, { readPolicies }, { comparePolicies, diffJson, diffLines }, { isSame }] = await Promise.all([
    import('../project.ts'),
    import('../policy-files.ts'),
    import('../policy-diff.ts'),
    import('../../policy/analyse/diff.ts'),
  ])
  const { project } = await loadProject(options.config)
  const given = await readPolicies(project, [before, after])
  if (given === undefined) return
  const compared = comparePolicies(given)
  if (options.json) outJson(diffJson(compared))
  else for (const line of diffLines(compared)) out(line)
  if (!isSame(compared)) process.exitCode = EXIT.no
}
