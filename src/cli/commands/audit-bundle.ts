import type { Command } from 'commander'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { UsageError } from '../errors.ts'
import type { Issued } from '../key-issuing.ts'
import { type MasterKeysOptions, withMasterKeys } from '../master-keys.ts'
import { BY } from '../not-proved.ts'
import { type CommonOptions, filled, wholeNumber, withCommon } from '../options.ts'
import { out, say } from '../terminal.ts'

interface Options extends CommonOptions, MasterKeysOptions {
  readonly out: string
  readonly checkpoint?: string
  readonly leaf?: number
  readonly for?: string
  readonly reason?: string
  readonly by?: string
  readonly archive?: string
}

/** `countersign audit bundle`: the one file of a run that somebody needs who trusts nobody. */
export function define(audit: Command): void {
  withMasterKeys(withCommon(audit.command('bundle').description('write the sealed file of a run')))
    .argument('<run>', 'the workflow id, of its newest run; or a run key, `<workflow id>/<first run id>`')
    .requiredOption('--out <file>', 'where it is written', filled)
    .option('--checkpoint <file>', 'show that the log is the one of this checkpoint, which the reader holds')
    .option('--leaf <number>', 'an earlier seal of the run (default: the newest)', wholeNumber(0, 999_999_999))
    .option(
      '--for <file>',
      'the public key of a reader, who may read what is encrypted: its keys are written for him, to `<out>.keys`',
      filled,
    )
    .option('--reason <text>', 'why he may; it is kept', filled)
    .option(
      '--archive <url>',
      'the copy in this store, `file:///…` or `s3://bucket/prefix`, as it was written there',
      filled,
    )
    .option('--by <subject>', BY, filled)
    .action(run)
}

async function run(runName: string, { out: file, checkpoint, leaf, archive, ...options }: Options): Promise<void> {
  const [{ leafOf }, { soundLog }, { archived, bundleOf }, { checkpointFrom }, { withLedger }, { writeFile }] =
    await Promise.all([
      import('../sealing.ts'),
      import('../sound-log.ts'),
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
    const sealed = await archived(db, index)
    if (sealed === undefined) return
    const [{ databaseUrlFrom, residencyAt }, { workspaceOf }, { erasedSince }] = await Promise.all([
      import('../workspaces.ts'),
      import('../../ledger/audited.ts'),
      import('../../audit/seal/erased.ts'),
    ])
    const { runKey, namespace } = sealed.record
    const residency = residencyAt({ namespace, databaseUrl: await databaseUrlFrom(options.stateDir) })
    residency?.check(await workspaceOf(db, runKey))
    const { for: reader } = options
    if (reader !== undefined) {
      const { issueKeys } = await import('../key-issuing.ts')
      tell(await issueKeys(db, sealed, `${file}.keys`, { ...options, for: reader }), `${file}.keys`)
    }
    await writeFile(file, bytes)
    out(`bundle  ${file}, leaf ${index}, ${bytes.length} bytes`)
    if ((await erasedSince(db, sealed)).length > 0)
      say('Keys of this run were destroyed since it was sealed. Seal it again, and its file says ERASED.')
  })
}

function tell({ keyIds, erased }: Issued, file: string): void {
  if (keyIds.length > 0) out(`keys  ${file}, ${keyIds.length}: whoever has them reads every run of this workflow id`)
  if (erased.length > 0) say(`${erased.length} of its keys were destroyed: nobody can be given those.`)
  if (keyIds.length + erased.length === 0) say('Nothing of this run is encrypted with a key of its own: none is given.')
}

async function copyOf(db: LedgerDatabase, archive: string, index: number): Promise<Uint8Array> {
  const { copyIn } = await import('../archive-copies.ts')
  return await copyIn(db, archive, index)
}
