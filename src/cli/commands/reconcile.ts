import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import {
  collected,
  type CommonOptions,
  duration,
  type JsonOption,
  type QueueOption,
  withCommon,
  withJson,
  withQueue,
} from '../options.ts'
import { shownTo } from '../../privacy/reader.ts'
import { out, outJson } from '../terminal.ts'

export interface ReconcileOptions extends CommonOptions, JsonOption, QueueOption {
  /** Milliseconds. */
  readonly since?: number
  readonly history?: readonly string[]
  readonly inFull?: boolean
}

/** `countersign reconcile`: exit code 3 where history and ledger differ. */
export function define(command: Command): void {
  withQueue(withJson(withCommon(command)))
    .argument('[id]', 'a workflow id; default: every run')
    .option('--since <duration>', 'only runs that began within it, such as `30d`', duration)
    .option(
      '--history <file>',
      'an exported history instead of Temporal; once for each execution of the run',
      collected,
    )
    .option('--in-full', 'with what people wrote and who they are; default: masked, since a report is handed on')
    .action(run)
}

async function run(workflowId: string | undefined, options: ReconcileOptions): Promise<void> {
  // Here and not above: the help has no need of the database.
  const [{ compare }, { reconciledJson, reconciledLines }] = await Promise.all([
    import('../reconciling.ts'),
    import('../reconcile-text.ts'),
  ])
  const { compared, runs: found } = await compare(workflowId, options)
  const runs = options.inFull === true ? found : found.map((each) => shownTo('export', each))
  if (options.json) outJson(reconciledJson(compared, runs))
  else for (const line of reconciledLines(compared, runs)) out(line)
  if (runs.some(({ findings }) => findings.length > 0)) process.exitCode = EXIT.no
}
