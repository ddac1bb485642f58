import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import { type CommonOptions, withCommon } from '../options.ts'
import { out, say } from '../terminal.ts'

/** `countersign audit checkpoint` and `audit log`. */
export function define(audit: Command): void {
  withCommon(
    audit
      .command('checkpoint')
      .description('print the newest checkpoint of the log, to be kept where nobody here can write'),
  ).action(checkpoint)
  withCommon(audit.command('log').description('write the log as static files, tiles and checkpoint'))
    .argument('<folder>', 'where they are written')
    .action(log)
}

async function checkpoint(options: CommonOptions): Promise<void> {
  const [{ latestCheckpoint }, { withLedger }] = await Promise.all([
    import('../../audit/seal/log.ts'),
    import('../with-ledger.ts'),
  ])
  await withLedger(options, async (db) => {
    const latest = await latestCheckpoint(db)
    if (latest === undefined) {
      say('There is no checkpoint yet: `countersign audit seal` makes one.')
      process.exitCode = EXIT.no
      return
    }
    process.stdout.write(latest.text + latest.cosignatures.join(''))
  })
}

async function log(folder: string, options: CommonOptions): Promise<void> {
  const [{ exportLog }, { soundLog }, { withLedger }] = await Promise.all([
    import('../../audit/seal/log-folder.ts'),
    import('../sound-log.ts'),
    import('../with-ledger.ts'),
  ])
  await withLedger(options, async (db) => {
    const size = await soundLog(() => exportLog(db, folder))
    out(`log  ${folder}, ${size} leaves`)
  })
}
