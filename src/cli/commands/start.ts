import { type Command, InvalidArgumentError } from 'commander'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit.ts'
import { readJson } from '../read-json.ts'
import {
  type CommonOptions,
  filled,
  type JsonOption,
  type ProjectOption,
  type QueueOption,
  withCommon,
  withJson,
  withProject,
  withQueue,
} from '../options.ts'
import { resultLines } from '../run-text.ts'
import { databaseUrlFrom, refusesElsewhere, residencyAt } from '../workspaces.ts'
import { linkOf, withSession } from '../session.ts'
import { type SpeakerOptions, withSpeaker } from '../speaking.ts'
import { out, outJson, say } from '../terminal.ts'

interface Options extends CommonOptions, JsonOption, ProjectOption, QueueOption, SpeakerOptions {
  readonly onBehalfOf?: string
  readonly request?: string
  readonly requestFile?: string
  readonly id?: string
  readonly idFrom?: string
  readonly wait?: true
  readonly print?: true
  readonly force?: true
}

/** `countersign start`: prints the workflow id, and with `--wait` what the run came to. */
export function define(command: Command): void {
  withSpeaker(withQueue(withProject(withJson(withCommon(command)))), 'who asks', 'default')
    .argument('<playbook>', 'the playbook, such as refund_request', playbookName)
    .option('--on-behalf-of <subject>', 'for whom, when it is not the one who asks', filled)
    .option('--request <json>', 'the request, or - to read it from stdin')
    .option('--request-file <file>', 'a file with the request')
    .option('--id <workflow id>', 'a business id: a second run with it is refused', filled)
    .option(
      '--id-from <text>',
      'a business id that may be personal: a keyed hash of it stands in the workflow id',
      filled,
    )
    .option('--print', 'start nothing: print the signed argument for another client; needs --id')
    .option('--wait', 'wait for the outcome')
    .option('--force', 'start what the project in this folder does not have, or would refuse')
    .action(start)
}

/** `refund-request`, the name of its files, is taken for the playbook too. */
function playbookName(name: string): string {
  const wire = name.replaceAll('-', '_')
  if (/^[a-z][a-z0-9_]*$/.test(wire)) return wire
  throw new InvalidArgumentError('A playbook is named like refund_request.')
}

async function start(playbook: string, options: Options): Promise<void> {
  if (options.id !== undefined && options.idFrom !== undefined)
    throw new UsageError('--id and --id-from are two ids', 'Leave one of them out.')
  const request = await readJson('request', options)
  if (options.force !== true) {
    const { checkStart } = await import('../known-names.ts')
    await checkStart(playbook, request, options.config)
  }
  await withSession(options, async (session) => {
    const { by: subject, onBehalfOf, workspace, id, idFrom } = options
    const principal = { subject, onBehalfOf, workspace }
    const residency = residencyAt({
      namespace: session.place.namespace,
      taskQueue: session.taskQueue,
      databaseUrl: await databaseUrlFrom(options.stateDir),
    })
    if (refusesElsewhere(residency, workspace ?? 'default', options)) return
    if (options.print === true) {
      if (id === undefined)
        throw new UsageError('name the workflow id', 'Add --id: what is signed is of that run alone.')
      outJson(await session.client.startMessage(playbook, request, { principal, workflowId: id }))
      return
    }
    const run = await session.client.start(playbook, request, {
      principal,
      ...(id && { workflowId: id }),
      ...(idFrom && { idFrom }),
    })
    const { workflowId } = run
    const link = session.place.uiUrl === null ? null : linkOf(session, workflowId, (await run.summary()).runId)
    if (link !== null) say(`Temporal UI  ${link}`)
    const { describeTaskQueue, whyNewRunsWait } = await import('../task-queue.ts')
    // A run that nobody picks up looks like one that hangs. Whoever may not ask is not told.
    const queue = await describeTaskQueue(session, session.taskQueue).catch(() => undefined)
    const waits = queue === undefined ? undefined : whyNewRunsWait(queue)
    if (waits !== undefined) say(waits)
    if (!options.json) out(workflowId)
    if (!options.wait) {
      if (options.json) outJson({ workflowId, link })
      return
    }
    const result = await run.outcome()
    if (options.json) outJson({ workflowId, link, result })
    else for (const line of resultLines(result)) out(line)
    if (result.state !== 'completed') process.exitCode = EXIT.no
  })
}
