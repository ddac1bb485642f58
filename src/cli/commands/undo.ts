import type { Command } from 'commander'
import { randomUUID } from 'node:crypto'
import { printAnswer } from '../decision.ts'
import { EXIT } from '../exit.ts'
import { type CommonOptions, filled, type JsonOption, withCommon, withJson } from '../options.ts'
import { sendUpdate } from '../patience.ts'
import { resultLines } from '../run-text.ts'
import { withSession } from '../session.ts'
import { out, outJson } from '../terminal.ts'

interface Options extends CommonOptions, JsonOption {
  readonly by: string
  readonly comment: string
  readonly wait?: true
}

/** `countersign undo` */
export function define(command: Command): void {
  withJson(withCommon(command))
    .argument('<id>', 'the workflow id')
    .requiredOption('--by <subject>', 'who undoes it', filled)
    .option('--comment <text>', 'why; it stands on the record', '')
    .option('--wait', 'wait until everything is undone')
    .action(undo)
}

async function undo(workflowId: string, options: Options): Promise<void> {
  const { by, comment, json } = options
  await withSession(options, async (session) => {
    const run = session.client.run(workflowId)
    const updateId = randomUUID()
    const answer = await sendUpdate(session, workflowId, () => run.undo({ by, comment }, updateId))
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
