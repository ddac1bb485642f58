import { type Command, Option } from 'commander'
import type { RunSummary } from '../../client/summary.ts'
import { formatMicroUsd } from '../../contract/money.ts'
import { RUN_STATES, type RunState } from '../../contract/states.ts'
import { type CommonOptions, type JsonOption, wholeNumber, withCommon, withJson } from '../options.ts'
import { databaseUrlFrom, refusesElsewhere, residencyAt } from '../workspaces.ts'
import { withSession } from '../session.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { moment } from '../../contract/moment.ts'

interface Options extends CommonOptions, JsonOption {
  readonly state?: RunState
  readonly playbook?: string
  readonly workspace?: string
  readonly limit: number
}

/** `countersign list`: from Temporal's visibility store, which lags behind by a second or so. */
export function define(command: Command): void {
  withJson(withCommon(command))
    .addOption(new Option('--state <state>', 'only runs in this state').choices(RUN_STATES))
    .option('--playbook <name>', 'only runs of this playbook')
    .option('--workspace <name>', 'only runs in this workspace')
    .option('--limit <number>', 'at most this many', wholeNumber(1, 1000), 50)
    .action(list)
}

async function list({ stateDir, json, ...filter }: Options): Promise<void> {
  await withSession({ stateDir }, async ({ client, place }) => {
    const residency = residencyAt({ namespace: place.namespace, databaseUrl: await databaseUrlFrom(stateDir) })
    if (filter.workspace !== undefined && refusesElsewhere(residency, filter.workspace, { ...(json && { json }) }))
      return
    const found = await client.list(filter)
    const runs = found.filter(
      ({ workspace, taskQueue }) => residency === undefined || residency.at({ taskQueue }).isHome(workspace),
    )
    if (runs.length < found.length) say(`${found.length - runs.length} runs are at home elsewhere, and not shown.`)
    if (json) {
      outJson({ runs })
      return
    }
    if (runs.length === 0) say('No run matches.')
    else for (const line of tableOf([HEAD, ...runs.map(rowOf)])) out(line)
  })
}

const HEAD = ['STATE', 'WAITS FOR', 'PLAYBOOK', 'WORKSPACE', 'STARTED', 'SPEND', 'WORKFLOW ID']

const rowOf = (run: RunSummary): readonly string[] => [
  run.state,
  run.waitingFor ?? '-',
  run.playbook,
  plain(run.workspace ?? '-'),
  moment(run.startedAt),
  formatMicroUsd(run.spendMicroUsd),
  plain(run.workflowId),
]
