import { type Command, Option } from 'commander'
import { randomUUID } from 'node:crypto'
import { refusesClosed } from '../closed-run.ts'
import { printAnswer } from '../decision.ts'
import { type CommonOptions, type JsonOption, withCommon, withJson } from '../options.ts'
import { sendUpdate } from '../patience.ts'
import { withSession } from '../session.ts'
import { type SpeakerOptions, spokenBy, withSpeaker } from '../speaking.ts'

interface Options extends CommonOptions, JsonOption, SpeakerOptions {
  readonly as: 'retry' | 'settled'
  readonly comment: string
}

/** `countersign resolve` */
export function define(command: Command): void {
  withSpeaker(withJson(withCommon(command)), 'who looked at it')
    .argument('<id>', 'the workflow id')
    .argument('<step>', 'the step at which the incident waits')
    .addOption(
      new Option('--as <resolution>', 'retry: try it again; settled: it was put right by hand')
        .choices(['retry', 'settled'])
        .makeOptionMandatory(),
    )
    .option('--comment <text>', 'what was found; it stands on the record', '')
    .action(resolve)
}

async function resolve(workflowId: string, step: string, options: Options): Promise<void> {
  const { as: resolution, comment, json } = options
  await withSession(options, async (session) => {
    const message = { step, resolution, comment, ...spokenBy(options) }
    const updateId = randomUUID()
    const run = session.client.run(workflowId)
    if (refusesClosed(await run.summary(), 'There is nothing left to resolve.', options)) return
    const answer = await sendUpdate(session, workflowId, () => run.resolve(message, updateId))
    printAnswer(answer, { workflowId, step, resolution }, { json })
  })
}
