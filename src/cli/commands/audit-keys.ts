import type { Command } from 'commander'
import { type CommonOptions, withCommon } from '../options.ts'
import { outJson } from '../terminal.ts'
import { withLedger } from '../with-ledger.ts'

/** `countersign audit keys`: whoever gets a history gets these beside it. */
export function define(audit: Command): void {
  withCommon(
    audit.command('keys').description('print the public keys with which receipts and statements are verified'),
  ).action(run)
}

async function run(options: CommonOptions): Promise<void> {
  await withLedger(options, async (db) => {
    const { keysIn } = await import('../../audit/record/keys.ts')
    outJson(await keysIn(db))
  })
}
