import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import {
  collected,
  type CommonOptions,
  duration,
  type JsonOption,
  type ProjectOption,
  type QueueOption,
  withCommon,
  withJson,
  withProject,
  withQueue,
} from '../options.ts'
import { out, outJson, say } from '../terminal.ts'

export interface BacktestOptions extends CommonOptions, JsonOption, QueueOption, ProjectOption {
  /** Milliseconds. */
  readonly since?: number
  /** Milliseconds. */
  readonly until?: number
  readonly playbook?: string
  readonly history?: readonly string[]
  readonly inFull?: boolean
}

/** `countersign policy backtest`: exit code 3 where the policy is none. */
export function define(policy: Command): void {
  const backtest = policy
    .command('backtest')
    .description('decide what runs did again by another policy, and tell what it would have said otherwise')
  withProject(withQueue(withJson(withCommon(backtest))))
    .argument('<policy-file>', 'the policy to try')
    .option('--since <duration>', 'only runs that began within it, such as `30d`', duration)
    .option('--until <duration>', 'only runs that began before it, such as `7d`', duration)
    .option('--playbook <name>', 'whose runs; default: those of the playbook of the policy')
    .option('--history <file>', 'an exported history instead of Temporal; may be repeated', collected)
    .option('--in-full', 'with what people wrote and who they are; default: masked, since a report is handed on')
    .action(run)
}

async function run(file: string, options: BacktestOptions): Promise<void> {
  // Here and not above: the help has no need of the database.
  const [{ loadCandidate, backtestOf }, { backtestJson, backtestLines, triedFor }, { formatProblem }] =
    await Promise.all([
      import('../backtesting.ts'),
      import('../backtest-text.ts'),
      import('../../policy/load/index.ts'),
    ])
  const candidate = await loadCandidate(file, options)
  if (!candidate.ok) {
    for (const problem of candidate.problems) say(formatProblem(problem))
    process.exitCode = EXIT.no
    return
  }
  const found = await backtestOf(candidate, options)
  const tried = options.inFull === true ? found : triedFor('export', found, candidate.contract)
  if (options.json) outJson(backtestJson(candidate, tried))
  else for (const line of backtestLines(candidate, tried)) out(line)
}
