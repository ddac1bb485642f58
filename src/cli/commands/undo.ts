import type { Command } from 'commander'
import { randomUUID } from 'node:crypto'
import { refusesClosed } from '../closed-run.ts'
import { printAnswer } from '../decision.ts'
import { EXIT } from '../exit.ts'
import { type CommonOptions, type JsonOption, withCommon, withJson } from '../options.ts'
import { sendUpdate } from '../patience.ts'
import { resultLines } from '../run-text.ts'
import { withSession } from '../session.ts'
import { type SpeakerOptions, spokenBy, withSpeaker } from '../speaking.ts'
import { out, outJson } from '../terminal.ts'

interface Options extends CommonOptions, JsonOption, SpeakerOptions {
  readonly comment: string
  readonly wait?: true
}

/** `countersign undo` */
export function define(command: Command): void {
  withSpeaker(withJson(withCommon(command)), 'who undoes it')
    .argument('<id>', 'the workflow id')
    .option('--comment <text>', 'why; it stands on the record', '')
    .option('--wait', 'wait until everything is undone')
    .action(undo)
}

async function undo(workflowId: string, options: Options): Promise<void> {
  const { comment, json } = options
  await withSession(options, async (session) => {
    const run = session.client.run(workflowId)
    const summary = await run.summary()
    const help =
      summary.state === 'completed'
        ? 'Its undo window is over: what it did can only be put right by hand.'
        : 'There is nothing left to undo.'
    if (refusesClosed(summary, help, options)) return
    const updateId = randomUUID()
    const answer = await sendUpdate(session, workflowId, () => run.undo({ comment, ...spokenBy(options) }, updateId))
    if (!answer.accepted || !options.wait) {
      printAnswer(answer, { workflowId }, { json })
      return
    }
    const result = await run.result()
    if (json) outJson({ workflowId, ...answer, result })
    else for (const line of [answer.message, ...resultLines(result)]) out(line)
    if (result.state !== 'reverted') process.exitCode = EXIT.no
  })
}
