import type { Command } from 'commander'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { UsageError } from '../errors.ts'
import { type CommonOptions, filled, wholeNumber, withCommon } from '../options.ts'
import { out } from '../terminal.ts'

interface Options extends CommonOptions {
  readonly out: string
  readonly checkpoint?: string
  readonly leaf?: number
  readonly archive?: string
}

/** `countersign audit bundle`: the one file of a run that somebody needs who trusts nobody. */
export function define(audit: Command): void {
  withCommon(audit.command('bundle').description('write the sealed file of a run'))
    .argument('<run>', 'the workflow id, of its newest run; or a run key, `<workflow id>/<first run id>`')
    .requiredOption('--out <file>', 'where it is written', filled)
    .option('--checkpoint <file>', 'show that the log is the one of this checkpoint, which the reader holds')
    .option('--leaf <number>', 'an earlier seal of the run (default: the newest)', wholeNumber(0, 999_999_999))
    .option(
      '--archive <url>',
      'the copy in this store, `file:///…` or `s3://bucket/prefix`, as it was written there',
      filled,
    )
    .action(run)
}

async function run(runName: string, { out: file, checkpoint, leaf, archive, ...options }: Options): Promise<void> {
  const [{ leafOf, soundLog }, { bundleOf }, { checkpointFrom }, { withLedger }, { writeFile }] = await Promise.all([
    import('../sealing.ts'),
    import('../../audit/seal/log.ts'),
    import('../seal-options.ts'),
    import('../with-ledger.ts'),
    import('node:fs/promises'),
  ])
  if (archive !== undefined && checkpoint !== undefined) {
    throw new UsageError('a copy shows what the log was when it was written', 'Leave out --archive or --checkpoint.')
  }
  const pinned = checkpoint === undefined ? undefined : (await checkpointFrom(checkpoint)).size
  await withLedger(options, async (db) => {
    const index = leaf ?? (await leafOf(db, runName))
    const bytes =
      archive === undefined
        ? Buffer.from(await soundLog(() => bundleOf(db, index, pinned)))
        : await copyOf(db, archive, index)
    await writeFile(file, bytes)
    out(`bundle  ${file}, leaf ${index}, ${bytes.length} bytes`)
  })
}

async function copyOf(db: LedgerDatabase, archive: string, index: number): Promise<Uint8Array> {
  const { copyIn } = await import('../archive-copies.ts')
  return await copyIn(db, archive, index)
}
