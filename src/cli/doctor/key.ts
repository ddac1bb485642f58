import { existsSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { hostKeyOf } from '../../identity/host-key.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { findKey } from '../../ledger/keys.ts'
import { failed, type Finding, ok, warn } from './finding.ts'

const MAKE = 'Make one with `openssl genpkey -algorithm ed25519 -out <file>`, and name it in COUNTERSIGN_KEY_FILE.'

/** Whether the key that a worker would sign with is there, is nobody else's to read, and is published. Makes none. */
export async function lookAtKey(stateDir: string, db: LedgerDatabase | undefined): Promise<Finding> {
  const named = process.env['COUNTERSIGN_KEY_FILE']
  const file = named === undefined || named === '' ? resolve(stateDir, 'host-key.pem') : named
  const isOwn = file !== named
  if (!existsSync(file)) {
    return isOwn
      ? warn('key', 'COUNTERSIGN_KEY_FILE is not set: a worker makes a development key of its own', MAKE)
      : failed('key', `there is no file \`${file}\`, which COUNTERSIGN_KEY_FILE names`, MAKE)
  }
  let keyId: string
  try {
    keyId = hostKeyOf(readFileSync(file, 'utf8')).keyId
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return failed('key', `\`${file}\` cannot be used: ${why}`, MAKE)
  }
  // A group may read it: so Kubernetes hands a secret to a process that is not root.
  if ((statSync(file).mode & 0o007) !== 0) {
    return failed(
      'key',
      `everybody on this machine can read \`${file}\`, and sign as this host`,
      `Run \`chmod o= ${file}\`.`,
    )
  }
  if (isOwn)
    return warn('key', `COUNTERSIGN_KEY_FILE is not set: a worker signs with the development key ${keyId}`, MAKE)
  if (db === undefined) return ok('key', `${keyId} can be used`)
  const published = await findKey(db, keyId)
  if (published !== undefined) return ok('key', `${keyId} can be used, and is published`)
  return warn('key', `${keyId} is not published yet`, 'A worker does so when it starts; unless the key was withdrawn.')
}
