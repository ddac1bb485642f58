import { readFile, stat } from 'node:fs/promises'
import { type Against, type Verified, verifyBundle } from '../audit/verify/verify.ts'
import { checkLog } from '../audit/verify/check-log.ts'
import { checkpointIn, tilesIn } from '../audit/seal/log-folder.ts'
import type { NotedCheckpoint } from '../audit/seal/checkpoint.ts'
import type { VerifyOptions } from './commands/audit-verify.ts'
import { UsageError } from './errors.ts'
import { dataKeysFor } from './reader-keys.ts'
import { checkpointFrom, publicKeysIn } from './seal-options.ts'

/** Verifies a file or the folder of a log by what the options name. */
export async function verifyFile(file: string, options: VerifyOptions): Promise<Verified> {
  const keys = await publicKeysIn(options.key)
  const witnessKeys = await publicKeysIn(options.witnessKey ?? [])
  const pinned = await checkpointFrom(options.checkpoint)
  const found = await stat(file).catch(() => undefined)
  if (found === undefined)
    throw new UsageError(`there is no file \`${file}\``, 'Name a file of `countersign audit bundle`.')
  if (found.isDirectory()) {
    const verdicts = await checkLog(file, { keys, witnessKeys, pinned })
    return { isGood: verdicts.every(({ verdict }) => verdict !== 'failed'), runKey: null, verdicts, ignored: [] }
  }
  const dataKeys = await dataKeysFor(file, options)
  const by = { keys, witnessKeys, pinned, dataKeys }
  const against = { ...by, ...(await logOf(options.log, pinned)), ...(await codeOf(options)) }
  return await verifyBundle(await readFile(file), against)
}

/** The tiles that show how trees of different sizes go together. */
async function logOf(folder: string | undefined, pinned: NotedCheckpoint): Promise<Pick<Against, 'tiles'>> {
  if (folder === undefined) return {}
  const checkpoint = await checkpointIn(folder).catch(() => undefined)
  if (checkpoint === undefined) {
    throw new UsageError(`\`${folder}\` holds no log`, 'Name a folder that `countersign audit log` wrote.')
  }
  return { tiles: tilesIn(folder, Math.max(checkpoint.size, pinned.size)) }
}

async function codeOf({ bundle, config }: VerifyOptions): Promise<Pick<Against, 'code' | 'contracts'>> {
  if (bundle !== undefined) {
    const [{ codeOfThen }, { quietRuntime }] = await Promise.all([
      import('../worker/replay-bundle.ts'),
      import('./host.ts'),
    ])
    // What does not replay is told in the verdict.
    quietRuntime('ERROR', { log: () => {} })
    const code = await codeOfThen(bundle)
    return { code, contracts: code.playbooks }
  }
  if (config === undefined) return {}
  const [{ loadProject }, { readPlaybooks }] = await Promise.all([
    import('./project.ts'),
    import('../worker/registry.ts'),
  ])
  const { project } = await loadProject(config)
  return { contracts: await readPlaybooks(project.workflows) }
}
