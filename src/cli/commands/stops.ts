import type { Command } from 'commander'
import { stopTargetText } from '../../contract/stop.ts'
import type { Stop } from '../../ledger/stops.ts'
import { type CommonOptions, type JsonOption, withCommon, withJson } from '../options.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { moment } from '../../contract/moment.ts'
import { withLedger } from '../with-ledger.ts'

interface Options extends CommonOptions, JsonOption {
  readonly all?: true
  readonly refused?: true
}

/** `countersign stops`: what is stopped, from the ledger. */
export function define(command: Command): void {
  withJson(withCommon(command))
    .option('--all', 'also those that were lifted, the newest first')
    .option('--refused', 'instead: who tried to stop something, or to let it go on, and did not count')
    .action((options: Options) => (options.refused ? listRefused(options) : list(options)))
}

async function listRefused({ json, ...options }: Options): Promise<void> {
  await withLedger(options, async (db) => {
    const { refusedStops } = await import('../../ledger/stops.ts')
    const refused = await refusedStops(db)
    if (json) outJson({ refused })
    else if (refused.length === 0) say('Nobody was refused.')
    else
      for (const line of tableOf([
        ['AT', 'WHO', 'WANTED TO', 'REASON', 'REFUSED'],
        ...refused.map(({ at, by, kind, reason, code, message, ...of }) => [
          moment(at),
          plain(by ?? 'not proved'),
          plain(`${kind} the ${stopTargetText(of)}`),
          plain(reason),
          plain(`${message} (${code})`),
        ]),
      ]))
        out(line)
  })
}

async function list({ all, json, ...options }: Options): Promise<void> {
  await withLedger(options, async (db) => {
    const { stopHistory, stopsInForce } = await import('../../ledger/stops.ts')
    const stops = await (all ? stopHistory(db) : stopsInForce(db))
    if (json) outJson({ stops })
    else if (stops.length === 0) say(all ? 'Nothing was ever stopped.' : 'Nothing is stopped.')
    else
      for (const line of tableOf([all ? [...HEAD, 'LIFTED'] : HEAD, ...stops.map((stop) => rowOf(stop, all))]))
        out(line)
  })
}

const HEAD = ['STOP', 'WHAT', 'NAME', 'SINCE', 'BY', 'REASON']

const rowOf = ({ id, scope, name, at, by, reason, lifted }: Stop, all: true | undefined): readonly string[] => [
  id,
  scope,
  plain(name),
  moment(at),
  plain(by),
  plain(reason),
  ...(all
    ? [lifted === null ? 'in force' : `${moment(lifted.at)} by ${plain(lifted.by)}: ${plain(lifted.reason)}`]
    : []),
]
