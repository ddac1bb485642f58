import { type Command, Argument } from 'commander'
import type { Hold, HoldTarget } from '../../ledger/holds.ts'
import { moment } from '../../contract/moment.ts'
import { dataKeysOf } from '../data-keys-of.ts'
import { EXIT } from '../exit.ts'
import { type MasterKeysOptions, withMasterKeys } from '../master-keys.ts'
import { BY, notProved, whoIsHere } from '../not-proved.ts'
import { type CommonOptions, filled, type JsonOption, withCommon, withJson } from '../options.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plain, say } from '../terminal.ts'
import { withLedger } from '../with-ledger.ts'

interface Options extends CommonOptions, JsonOption, MasterKeysOptions {
  readonly reason: string
  readonly by?: string
}

/** `countersign hold`: needs the ledger's database, and master keys where somebody is named. */
export function define(command: Command): void {
  withMasterKeys(
    withJson(withCommon(command.command('add').description('keep what it covers from being erased, from now on'))),
  )
    .addArgument(new Argument('<what>', 'what is held').choices(['subject', 'run', 'workspace']))
    .argument('<name>', 'whose data; a workflow id or run key; a workspace', filled)
    .requiredOption('--reason <text>', 'why; it is kept', filled)
    .option('--by <subject>', BY, filled)
    .action(add)
  withJson(withCommon(command.command('lift').description('let it be erased again')))
    .argument('<number>', 'as `hold list` shows it', filled)
    .requiredOption('--reason <text>', 'why; it is kept', filled)
    .option('--by <subject>', BY, filled)
    .action(lift)
  withJson(withCommon(command.command('list').description('list what is held')))
    .option('--all', 'also what was lifted')
    .action(list)
}

async function add(
  scope: HoldTarget['scope'],
  named: string,
  { reason, by, json, ...options }: Options,
): Promise<void> {
  await withLedger(options, async (db) => {
    const { placeHold } = await import('../../ledger/holds.ts')
    const name = scope === 'subject' ? await (await dataKeysOf(db, options)).hiddenName(named) : named
    const said = { reason, by: notProved(by ?? whoIsHere()) }
    const { hold, isNew } = await placeHold(db, { scope, name }, said)
    if (json) outJson({ hold, isNew })
    else out(plain(`${isNew ? '' : 'already: '}hold ${hold.id} on the ${scope} ${named}`))
    say('It wins over erasure and retention. What was erased before stays erased.')
  })
}

async function lift(id: string, { reason, by, json, ...options }: Options): Promise<void> {
  await withLedger(options, async (db) => {
    const { liftHold } = await import('../../ledger/holds.ts')
    const said = { reason, by: notProved(by ?? whoIsHere()) }
    const hold = /^\d{1,18}$/.test(id) ? await liftHold(db, id, said) : undefined
    if (hold === undefined) {
      const { printRefusal } = await import('../errors.ts')
      if (json) outJson({ hold: null })
      printRefusal(`no hold ${id} is in force`, 'See `countersign hold list`.', 'hold_unknown')
      process.exitCode = EXIT.no
      return
    }
    if (json) outJson({ hold })
    else out(plain(`hold ${hold.id} on the ${hold.scope} is lifted`))
    say('An erasure that it refused has to be asked for again.')
  })
}

const HEAD = ['HOLD', 'WHAT', 'NAME', 'SINCE', 'BY', 'REASON']
const rowOf = ({ id, scope, name, at, by, reason, lifted }: Hold, all: true | undefined): readonly string[] => [
  id,
  scope,
  plain(scope === 'subject' ? `${name.slice(0, 12)}… (keyed hash)` : name),
  moment(at),
  plain(by),
  plain(reason),
  ...(all
    ? [lifted === null ? 'in force' : `${moment(lifted.at)} by ${plain(lifted.by)}: ${plain(lifted.reason)}`]
    : []),
]

async function list({ all, json, ...options }: CommonOptions & JsonOption & { readonly all?: true }): Promise<void> {
  await withLedger(options, async (db) => {
    const { holds } = await import('../../ledger/holds.ts')
    const found = await holds(db, all ? 'all' : 'in force')
    if (json) outJson({ holds: found })
    else if (found.length === 0) say(all ? 'Nothing was ever held.' : 'Nothing is held.')
    else
      for (const line of tableOf([all ? [...HEAD, 'LIFTED'] : HEAD, ...found.map((one) => rowOf(one, all))])) out(line)
  })
}
