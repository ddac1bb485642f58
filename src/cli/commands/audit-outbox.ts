import type { Command } from 'commander'
import type { OutboxStanding, RefusedEvent } from '../../ledger/outbox.ts'
import { EXIT } from '../exit.ts'
import { type CommonOptions, type JsonOption, withCommon, withJson } from '../options.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plain } from '../terminal.ts'
import { withLedger } from '../with-ledger.ts'

type Options = CommonOptions & JsonOption

const MOST_LISTED = 50

/** `countersign audit outbox`: what waits to be exported. Needs the ledger's database, as `keys` does. */
export function define(command: Command): void {
  const outbox = command.command('outbox').description('what waits to be exported, and what sinks call malformed')
  withJson(
    withCommon(
      outbox
        .command('list', { isDefault: true })
        .description(
          'list sinks, what waits for them, and what they refused (exit code 3: something does not get out)',
        ),
    ),
  ).action(list)
  withJson(withCommon(outbox.command('resend').description('send what a sink called malformed once more')))
    .argument('<sink>', 'its name in exports.yaml')
    .argument('[event]', 'the id of one event; default: all')
    .action(resend)
  withJson(
    withCommon(
      outbox.command('forget').description('forget a sink that is gone, so that nothing is kept for it any more'),
    ),
  )
    .argument('<sink>', 'its name, which no exports.yaml has any more')
    .action(forget)
}

async function list(options: Options): Promise<void> {
  await withLedger(options, async (db) => {
    const { outboxStanding, refusedEvents } = await import('../../ledger/outbox.ts')
    const [standing, refused] = [await outboxStanding(db), await refusedEvents(db, MOST_LISTED)]
    if (options.json) outJson({ ...standing, refused })
    else for (const line of linesOf(standing, refused)) out(plain(line))
    const { sinks, unclaimed } = standing
    const isStuck = unclaimed.length > 0 || sinks.some((one) => one.failingSince !== null || one.refused > 0)
    if (isStuck) process.exitCode = EXIT.no
  })
}

const timeOf = (at: Date | null): string => at?.toISOString() ?? ''

function linesOf({ sinks, unclaimed }: OutboxStanding, refused: readonly RefusedEvent[]): readonly string[] {
  const rows = [
    ...sinks.map(({ sink, targets, waiting, oldest, refused: count, failingSince, why, sentAt }) => [
      sink,
      targets.join(', '),
      String(waiting),
      timeOf(oldest),
      String(count),
      timeOf(sentAt),
      failingSince === null ? '' : `since ${timeOf(failingSince)}: ${why ?? ''}`,
    ]),
    ...unclaimed.map(({ target, waiting, oldest }) => [
      '(none)',
      target,
      String(waiting),
      timeOf(oldest),
      '0',
      '',
      'no sink takes them',
    ]),
  ]
  return [
    ...tableOf([['SINK', 'EXPORTS', 'WAITING', 'OLDEST', 'REFUSED', 'LAST SENT', 'TROUBLE'], ...rows]),
    ...refused.map(
      ({ sink, eventId, why, state, at }) =>
        `refused by ${sink} at ${timeOf(at)}${state === 'again' ? ', to be sent once more' : ''}: ${eventId}: ${why}`,
    ),
  ]
}

async function resend(sink: string, event: string | undefined, options: Options): Promise<void> {
  await withLedger(options, async (db) => {
    const { sendAgain } = await import('../../ledger/outbox.ts')
    const events = await sendAgain(db, sink, event)
    if (options.json) outJson({ events })
    else out(plain(events === 0 ? `${sink} has refused no such event` : `${events} will be sent to ${sink} once more`))
    if (events === 0) process.exitCode = EXIT.no
  })
}

async function forget(sink: string, options: Options): Promise<void> {
  await withLedger(options, async (db) => {
    const { forgetSink } = await import('../../ledger/outbox.ts')
    const forgotten = await forgetSink(db, sink)
    if (options.json) outJson({ forgotten })
    else out(plain(forgotten ? `${sink} is forgotten` : `nobody knows a sink ${sink}`))
    if (!forgotten) process.exitCode = EXIT.no
  })
}
