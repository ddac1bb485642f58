import type { Command } from 'commander'
import { type JsonOption, type ProjectOption, withJson, withProject } from '../options.ts'
import { out, outJson } from '../terminal.ts'

interface Options extends JsonOption, ProjectOption {
  readonly action?: string
  readonly facts?: string
}

/** `countersign policy explain` */
export function define(policy: Command): void {
  const explain = policy
    .command('explain')
    .description('tell what a policy says of an action, and what would change it')
  withProject(withJson(explain))
    .argument('<policy>', 'the policy file')
    .option('--action <tool>', 'the tool, such as billing.refund (default: what speaks of each tool)')
    .option('--facts <json>', 'the facts, such as \'{"refund_amount_usd": 120}\'; what is left out is not known')
    .option('--verbose', 'show where an error comes from')
    .action(run)
}

async function run(file: string, options: Options): Promise<void> {
  const [{ loadProject }, { readPolicies }, explaining] = await Promise.all([
    import('../project.ts'),
    import('../policy-files.ts'),
    import('../policy-explain.ts'),
  ])
  const { project } = await loadProject(options.config)
  const given = await readPolicies(project, [file])
  const [policy] = given ?? []
  if (policy === undefined) return
  const explained = explaining.explainPolicy(policy, options)
  if (options.json) outJson(explaining.explainedJson(explained))
  else for (const line of explaining.explainedLines(explained)) out(line)
}
