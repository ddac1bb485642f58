import { type Command, InvalidArgumentError } from 'commander'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { UsageError } from '../errors.ts'
import { EXIT } from '../exit.ts'
import { jsonObject } from '../json-object.ts'
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
import { linkOf, withSession } from '../session.ts'
import { out, outJson, say } from '../terminal.ts'

interface Options extends CommonOptions, JsonOption, ProjectOption, QueueOption {
  readonly by: string
  readonly onBehalfOf?: string
  readonly workspace?: string
  readonly request?: string
  readonly requestFile?: string
  readonly id?: string
  readonly wait?: true
  readonly force?: true
}

/** `countersign start`: prints the workflow id, and with `--wait` what the run came to. */
export function define(command: Command): void {
  withQueue(withProject(withJson(withCommon(command))))
    .argument('<playbook>', 'the playbook, such as refund_request', playbookName)
    .requiredOption('--by <subject>', 'who asks', filled)
    .option('--on-behalf-of <subject>', 'for whom, when it is not the one who asks', filled)
    .option('--workspace <name>', 'the workspace (default: default)', filled)
    .option('--request <json>', 'the request, or - to read it from stdin')
    .option('--request-file <file>', 'a file with the request')
    .option('--id <workflow id>', 'a business id: a second run with it is refused', filled)
    .option('--wait', 'wait for the outcome')
    .option('--force', 'start a playbook that the project in this folder does not have')
    .action(start)
}

/** `refund-request`, the name of its files, is taken for the playbook too. */
function playbookName(name: string): string {
  const wire = name.replaceAll('-', '_')
  if (/^[a-z][a-z0-9_]*$/.test(wire)) return wire
  throw new InvalidArgumentError('A playbook is named like refund_request.')
}

async function start(playbook: string, options: Options): Promise<void> {
  const request = await readRequest(options)
  if (options.force !== true) {
    const { checkPlaybook } = await import('../known-names.ts')
    await checkPlaybook(playbook, options.config)
  }
  await withSession(options, async (session) => {
    const { by: subject, onBehalfOf, workspace, id } = options
    const principal = { subject, ...(onBehalfOf && { onBehalfOf }), ...(workspace && { workspace }) }
    const run = await session.client.start(playbook, request, { principal, ...(id && { workflowId: id }) })
    const { workflowId } = run
    const link = linkOf(session, workflowId)
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

async function readRequest({ request, requestFile }: Options): Promise<object> {
  if ((request === undefined) === (requestFile === undefined)) {
    throw new UsageError('give the request by --request or by --request-file', 'such as --request \'{"orderId": …}\'')
  }
  const where = requestFile === undefined ? '--request' : `\`${requestFile}\``
  let json = request ?? ''
  if (requestFile !== undefined) {
    json = await readFile(requestFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`${where} cannot be read: ${error.code ?? error.message}`, 'Name a file with JSON in it.')
    })
  } else if (request === '-') {
    json = await text(process.stdin)
  }
  return jsonObject(json, where, {
    json: 'Quote it for your shell, or use --request-file.',
    object: 'See the contract of the playbook for its keys.',
  })
}
