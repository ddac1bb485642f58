import { type Command, Option } from 'commander'
import { randomUUID } from 'node:crypto'
import { printAnswer } from '../decision.ts'
import { type CommonOptions, filled, type JsonOption, withCommon, withJson } from '../options.ts'
import { sendUpdate } from '../patience.ts'
import { withSession } from '../session.ts'

interface Options extends CommonOptions, JsonOption {
  readonly as: 'retry' | 'settled'
  readonly by: string
  readonly comment: string
}

/** `countersign resolve` */
export function define(command: Command): void {
  withJson(withCommon(command))
    .argument('<id>', 'the workflow id')
    .argument('<step>', 'the step at which the incident waits')
    .addOption(
      new Option('--as <resolution>', 'retry: try it again; settled: it was put right by hand')
        .choices(['retry', 'settled'])
        .makeOptionMandatory(),
    )
    .requiredOption('--by <subject>', 'who looked at it', filled)
    .option('--comment <text>', 'what was found; it stands on the record', '')
    .action(resolve)
}

async function resolve(workflowId: string, step: string, options: Options): Promise<void> {
  const { as: resolution, by, comment, json } = options
  await withSession(options, async (session) => {
    const message = { step, resolution, by, comment }
    const updateId = randomUUID()
    const run = session.client.run(workflowId)
    const answer = await sendUpdate(session, workflowId, () => run.resolve(message, updateId))
    printAnswer(answer, { workflowId, step, resolution }, { json })
  })
}
