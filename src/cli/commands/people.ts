import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import { type IdentityOption, withIdentity } from '../identity-options.ts'
import { BY, notProved } from '../not-proved.ts'
import { type CommonOptions, filled, type JsonOption, withCommon, withJson } from '../options.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plain } from '../terminal.ts'
import { withLedger } from '../with-ledger.ts'

interface Options extends CommonOptions, JsonOption, IdentityOption {
  readonly group?: string | null
  readonly reason: string
  readonly by: string
}

/** `countersign people`: needs the ledger's database, as `keys` does. */
export function define(command: Command): void {
  withJson(withCommon(command.command('list').description('list what is in force'))).action(list)
  withIdentity(
    withJson(
      withCommon(
        command
          .command('withdraw')
          .description('let what somebody decides, undoes or resolves not count any more, at once'),
      ),
    ),
  )
    .argument('<subject>', 'whose word', filled)
    .option('--group <name>', 'only in this approver group', filled)
    .requiredOption('--reason <text>', 'why; it is kept', filled)
    .requiredOption('--by <subject>', BY, filled)
    .action(withdrawal)
  withJson(withCommon(command.command('restore').description('let it count again')))
    .argument('<subject>', 'whose word', filled)
    .option('--group <name>', 'what was withdrawn for this approver group', filled)
    .requiredOption('--by <subject>', BY, filled)
    .action(restore)
}

async function list(options: Options): Promise<void> {
  await withLedger(options, async (db) => {
    const { delegations, withdrawals } = await import('../../ledger/people.ts')
    const [withdrawn, delegated] = [await withdrawals(db), await delegations(db)]
    if (options.json) {
      outJson({ withdrawals: withdrawn, delegations: delegated })
      return
    }
    const rows = [
      ...withdrawn.map(({ subject, group, at, by, reason }) => [
        'withdrawn',
        subject,
        group ?? 'everything',
        `since ${at}`,
        by === null ? reason : `by ${by}: ${reason}`,
      ]),
      ...delegated.map(({ from, to, group, workspace, until }) => [
        'delegated',
        `${from} to ${to}`,
        group,
        `until ${until}`,
        `in ${workspace}`,
      ]),
    ]
    for (const line of tableOf([['WHAT', 'WHO', 'GROUP', 'WHEN', 'MORE'], ...rows])) out(plain(line))
  })
}

async function withdrawal(named: string, { group = null, reason, by, json, ...options }: Options): Promise<void> {
  const { oneNameOf, sayWhereUnheardOf } = await import('../known-people.ts')
  const subject = oneNameOf(named, options.identity)
  await withLedger(options, async (db) => {
    const { withdraw } = await import('../../ledger/people.ts')
    await sayWhereUnheardOf(db, subject)
    const done = await withdraw(db, { subject, group, reason, by: notProved(by) })
    if (json) outJson({ withdrawal: done })
    else out(plain(`what ${subject} says does not count any more${group === null ? '' : ` in ${group}`}`))
  })
}

async function restore(subject: string, { group = null, by, json, ...options }: Options): Promise<void> {
  await withLedger(options, async (db) => {
    const { liftWithdrawals } = await import('../../ledger/people.ts')
    const lifted = await liftWithdrawals(db, { subject, group, by: notProved(by) })
    if (json) outJson({ lifted })
    else out(plain(lifted.length === 0 ? `nothing was withdrawn from ${subject}` : `what ${subject} says counts again`))
    if (lifted.length === 0) process.exitCode = EXIT.no
  })
}
