import type { Command } from 'commander'
import { moment } from '../../contract/moment.ts'
import { type CommonOptions, type JsonOption, withCommon, withJson } from '../options.ts'
import { tableOf } from '../table.ts'
import { out, outJson, plain } from '../terminal.ts'

/** `countersign audit issued`: needs the ledger's database. */
export function define(audit: Command): void {
  withJson(withCommon(audit.command('issued').description('list who was given the data keys of runs, by whom and why')))
    .argument('[run]', 'a workflow id or a run key (default: all runs)')
    .action(run)
}

async function run(runName: string | undefined, { json, ...options }: CommonOptions & JsonOption): Promise<void> {
  const [{ withLedger }, { keyIssues }, { readerKeyOf }, { sealKeyId }] = await Promise.all([
    import('../with-ledger.ts'),
    import('../../ledger/key-issues.ts'),
    import('../../audit/seal/recipient.ts'),
    import('../../audit/seal/dsse.ts'),
  ])
  await withLedger(options, async (db) => {
    const all = await keyIssues(db)
    const issues = all
      .filter(({ runKey }) => runName === undefined || runKey === runName || runKey.startsWith(`${runName}/`))
      .map((issue) => ({ ...issue, readerId: sealKeyId(readerKeyOf(issue.reader)) }))
    if (json) {
      outJson({ issues })
      return
    }
    const rows = issues.map(({ at, runKey, readerId, by, reason }) => [
      moment(at),
      plain(runKey),
      readerId,
      plain(by),
      plain(reason),
    ])
    for (const line of tableOf([['when (UTC)', 'run', 'reader', 'by', 'reason'], ...rows])) out(line)
  })
}
