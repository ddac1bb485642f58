import { type Command, InvalidArgumentError } from 'commander'
import { type CommonOptions, filled, type JsonOption, withCommon, withJson } from '../options.ts'
import { OWN_WORKSPACE, type SpeakerOptions, statementsOf, withSpeaker } from '../speaking.ts'
import { out, outJson, plain } from '../terminal.ts'

interface Options extends CommonOptions, JsonOption, SpeakerOptions {
  readonly to: string
  readonly group: string
  readonly until: Date
}

/** `countersign delegate`: the gateway writes it down; for development the command itself does. */
export function define(command: Command): void {
  withSpeaker(withJson(withCommon(command)), 'who lets somebody else speak', OWN_WORKSPACE)
    .requiredOption('--to <subject>', 'who may speak', filled)
    .requiredOption('--group <name>', 'in which approver group', filled)
    .requiredOption('--until <time>', 'ISO 8601, such as 2026-12-24T18:00:00Z; one that is over ends it', time)
    .action(delegate)
}

function time(text: string): Date {
  const found = new Date(text)
  if (/^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(found.getTime())) return found
  throw new InvalidArgumentError('It must be a time such as 2026-12-24T18:00:00Z.')
}

async function delegate(options: Options): Promise<void> {
  const { to, group, until, by: subject, workspace, gateway, json } = options
  const about = { kind: 'delegate', to, group, until: until.toISOString() } as const
  const statement = await statementsOf(options)(about, { subject, workspace })
  if (gateway === undefined) {
    // A gateway takes no delegation in a group in which whoever delegates is not.
    const [{ withLedger }, { storeDelegation }, { sayWhereUnnamed }] = await Promise.all([
      import('../with-ledger.ts'),
      import('../../ledger/people.ts'),
      import('../known-people.ts'),
    ])
    await withLedger(options, async (db) => {
      await sayWhereUnnamed(db, group, options.identity)
      await storeDelegation(db, statement)
    })
  }
  if (json) outJson({ statement })
  else
    out(
      plain(
        `${to} may speak for ${statement.who.subject} in the group ${group}, in the workspace ${statement.who.workspace} alone, until ${about.until}`,
      ),
    )
}
