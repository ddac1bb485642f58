import { type Command, InvalidArgumentError, Option } from 'commander'
import { CURRENCIES, type Currency } from '../../contract/money.ts'
import { RUN_STATES } from '../../contract/states.ts'
import { type MasterKeysOptions, withMasterKeys } from '../master-keys.ts'
import { type CommonOptions, duration, filled, type JsonOption, wholeNumber, withCommon, withJson } from '../options.ts'
import { out, outJson, say } from '../terminal.ts'

export interface SearchOptions extends CommonOptions, JsonOption, MasterKeysOptions {
  readonly customer?: string
  readonly tool?: string
  readonly rule?: string
  readonly approver?: string
  /** Decimal. */
  readonly amountFrom?: string
  readonly amountTo?: string
  readonly currency: Currency
  readonly state?: string
  readonly failure?: string
  readonly playbook?: string
  readonly workspace?: string
  readonly since?: Date
  readonly until?: Date
  readonly limit: number
  readonly after?: string
}

/** The states of a run as records have them: its own, and how Temporal left it. */
const STATES = [...RUN_STATES, 'running', 'continued', 'terminated', 'timed_out', 'cancelled']

/** `countersign audit search`: needs the ledger's database, and not Temporal. */
export function define(audit: Command): void {
  const command = audit.command('search').description('find sealed runs, as their newest seals have them')
  withMasterKeys(withJson(withCommon(command)))
    .option('--customer <name>', 'whose data it is about, as tools name him, such as a customer id', filled)
    .option('--tool <name>', 'that used it, such as `billing.refund`', filled)
    .option('--rule <name>', 'in which it matched, such as `requires_approval_if.refund_amount_usd_gte`', filled)
    .option('--approver <subject>', 'that he approved, rejected or changed', filled)
    .option('--amount-from <amount>', 'that decided on so much or more, such as `120.50`', filled)
    .option('--amount-to <amount>', 'that decided on so much or less', filled)
    .addOption(new Option('--currency <code>', 'of these amounts').choices(CURRENCIES).default('USD'))
    .addOption(new Option('--state <state>', 'that were in this state').choices(STATES))
    .option('--failure <code>', 'in which this failed or was refused, such as `approval_rejected`', filled)
    .option('--playbook <name>', 'of this playbook', filled)
    .option('--workspace <name>', 'in this workspace', filled)
    .option('--since <time>', 'that began then or later: a day such as `2026-05-12` (UTC), or `30d` ago', time)
    .option('--until <time>', 'that began before then', time)
    .option('--limit <number>', 'at most this many', wholeNumber(1, 1000), 50)
    .option('--after <place>', 'the next page: what the one before printed', filled)
    .action(run)
}

/** A day, or so long ago. */
function time(text: string): Date {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) {
    const day = new Date(`${text}T00:00:00.000Z`)
    if (!Number.isNaN(day.getTime()) && day.toISOString().startsWith(text)) return day
    throw new InvalidArgumentError('There is no such day.')
  }
  return new Date(Date.now() - duration(text))
}

async function run(options: SearchOptions): Promise<void> {
  const { leftOutLines, searchFor, searchJson, searchLines } = await import('../searching.ts')
  const found = await searchFor(options)
  for (const line of leftOutLines(found)) say(line)
  if (options.json) outJson(searchJson(found))
  else for (const line of searchLines(found)) out(line)
}
