import type { Command } from 'commander'
import type { Enqueued } from '../../audit/export/enqueue.ts'
import { EXIT } from '../exit.ts'
import {
  type CommonOptions,
  type JsonOption,
  type ProjectOption,
  type QueueOption,
  withCommon,
  withJson,
  withProject,
  withQueue,
} from '../options.ts'
import { out, outJson, plain } from '../terminal.ts'

interface Options extends CommonOptions, JsonOption, ProjectOption, QueueOption {}

/** `countersign audit enqueue`: needs Temporal and the ledger's database. */
export function define(command: Command): void {
  withQueue(
    withJson(
      withProject(
        withCommon(
          command
            .command('enqueue')
            .description(
              "write what the record of a run says now to the outbox, as far as its policy exports it; by the contracts of the project people's words are masked",
            ),
        ),
      ),
    ),
  )
    .argument('<id>', 'a workflow id: all of its runs that Temporal still has')
    .action(run)
}

async function run(workflowId: string, options: Options): Promise<void> {
  const { enqueueRuns } = await import('../enqueuing.ts')
  const runs = await enqueueRuns(workflowId, options)
  if (options.json) outJson({ runs })
  else for (const line of runs.map(lineOf)) out(plain(line))
  if (runs.every(({ target }) => target === null)) process.exitCode = EXIT.no
}

const lineOf = ({ runKey, target, added }: Enqueued & { readonly runKey: string }): string =>
  target === null
    ? `${runKey}: its policy exports nothing`
    : `${runKey}: ${added} new events for \`${target}\` wait in the outbox`
