import type { LedgerDatabase } from '../../ledger/database.ts'
import { outboxStanding } from '../../ledger/outbox.ts'
import type { Project } from '../../worker/project.ts'
import { exportsConfigOf, wantedExports, withoutSink } from '../exports.ts'
import { failed, type Finding, ok, warn } from './finding.ts'

/** Whether what policies want exported goes anywhere. Sinks are not asked: whatever is sent to one is kept. */
export async function lookAtExports(project: Project, file: string | undefined): Promise<readonly Finding[]> {
  const wanted = await wantedExports(project)
  const config = file === undefined ? undefined : exportsConfigOf(file)
  const lacking = withoutSink(wanted, config)
  if (lacking.length > 0) {
    const what = lacking.map(({ workflow, target }) => `\`${target}\` of ${workflow}`).join(', ')
    const todo = 'Name a sink for it in `exports.yaml`, and start workers with `--exports exports.yaml`.'
    return config === undefined
      ? [
          warn(
            'exports',
            `nobody configured the export to ${what}: a worker that is not for development does not start; one that is sends the events to a file`,
            todo,
          ),
        ]
      : [failed('exports', `no sink of \`${file}\` takes the export to ${what}`, todo)]
  }
  if (config === undefined) return [ok('exports', 'no policy wants records exported')]
  const sinks = config.sinks.map(({ name, kind, targets }) => `${name} (${kind}) takes ${targets.join(', ')}`)
  return [ok('exports', sinks.join('; '))]
}

/** What of the outbox does not get out. */
export async function lookAtOutbox(db: LedgerDatabase): Promise<Finding> {
  const { sinks, unclaimed } = await outboxStanding(db)
  const waiting = [...sinks, ...unclaimed].reduce((sum, one) => sum + one.waiting, 0)
  const troubles = [
    ...sinks.flatMap(({ sink, failingSince, why }) =>
      failingSince === null ? [] : [`${sink} takes nothing since ${failingSince.toISOString()}: ${why ?? ''}`],
    ),
    ...sinks.flatMap(({ sink, refused }) => (refused === 0 ? [] : [`${sink} calls ${refused} malformed`])),
    ...unclaimed.map(({ target, waiting: count }) => `${count} for \`${target}\` have no sink`),
  ]
  if (troubles.length === 0) return ok('outbox', `${waiting} events wait to be exported`)
  return warn('outbox', `${waiting} events wait: ${troubles.join('; ')}`, 'See `countersign audit outbox`.')
}
