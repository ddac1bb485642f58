import type { Command } from 'commander'
import { refusesClosed } from '../closed-run.ts'
import { printRefusal } from '../errors.ts'
import { EXIT } from '../exit.ts'
import { type CommonOptions, type JsonOption, withCommon, withJson } from '../options.ts'
import { withSession } from '../session.ts'
import { out, outJson } from '../terminal.ts'

type Options = CommonOptions & JsonOption

/** `countersign cancel` */
export function define(command: Command): void {
  withJson(withCommon(command)).argument('<id>', 'the workflow id').action(cancel)
}

async function cancel(workflowId: string, options: Options): Promise<void> {
  await withSession(options, async ({ client, speaker, flags }) => {
    const run = client.run(workflowId)
    const summary = await run.summary()
    // The server takes the request all the same, and nothing comes of it.
    if (refusesClosed(summary, 'There is nothing left to cancel.', options)) return
    if (summary.state === 'completed') {
      // It stays open for its undo window, and would take the request without doing anything.
      const message = 'the run is completed already'
      if (options.json) outJson({ workflowId, accepted: false, code: 'run_completed', message })
      printRefusal(message, `Undo it: countersign undo ${workflowId}${speaker}${flags}`, 'run_completed')
      process.exitCode = EXIT.no
      return
    }
    await run.cancel()
    const message = 'the run was asked to stop and to undo what it did'
    if (options.json) outJson({ workflowId, accepted: true, message })
    else out(message)
  })
}
