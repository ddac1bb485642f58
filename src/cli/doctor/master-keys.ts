import { existsSync, statSync } from 'node:fs'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { countDataKeys, liveIndexKey } from '../../ledger/data-keys.ts'
import { findDataKeys, findMasterKeys, MAKE } from '../master-keys.ts'
import { failed, type Finding, ok, warn } from './finding.ts'

/** Whether what stands encrypted can be read with the master keys here, and whether anything will be. Makes no data key. */
export async function lookAtMasterKeys(db: LedgerDatabase | undefined): Promise<Finding> {
  const file = process.env['COUNTERSIGN_MASTER_KEYS'] ?? ''
  // A group may read it: so Kubernetes hands a secret to a process that is not root.
  if (existsSync(file) && (statSync(file).mode & 0o007) !== 0) {
    return failed('master-keys', `everybody on this machine can read \`${file}\``, `Run \`chmod o= ${file}\`.`)
  }
  const masterKeys = await findMasterKeys()
  const used = db === undefined ? [] : await countDataKeys(db)
  const live = used.filter((one) => one.live > 0)
  if (masterKeys === undefined) {
    if (live.length > 0)
      return failed('master-keys', 'the ledger has data keys, and there are no master keys here', MAKE)
    return warn('master-keys', 'there are none: a worker refuses to start in production', MAKE)
  }
  await masterKeys.check?.()
  if (db === undefined) return ok('master-keys', `\`${masterKeys.currentId}\` can be used`)
  // Where there is an index key, this unwraps it; else it would make one.
  if ((await liveIndexKey(db)) !== undefined) await (await findDataKeys(db))?.hiddenName('')
  const old = live.filter(({ masterKeyId }) => masterKeyId !== masterKeys.currentId)
  if (old.length === 0)
    return ok('master-keys', `\`${masterKeys.currentId}\` can be used, and has wrapped every data key`)
  const count = old.reduce((sum, one) => sum + one.live, 0)
  const what = `${count} data keys are wrapped by ${old.map(({ masterKeyId }) => `\`${masterKeyId}\``).join(', ')}`
  return warn('master-keys', what, `Run \`countersign keys rewrap\` to have \`${masterKeys.currentId}\` wrap them.`)
}
