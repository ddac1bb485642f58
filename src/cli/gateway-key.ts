import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type HostKey, hostKeyOf } from '../identity/host-key.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { storeIssuerKey } from '../ledger/issuer-keys.ts'
import { CliError } from './errors.ts'

const HELP = 'Make one with `countersign keys rotate --out <file>`.'
const invalid = (what: string, cause?: unknown): CliError => new CliError('config_invalid', what, HELP, { cause })

/** The key of the gateway, from the file of COUNTERSIGN_ISSUER_KEY_FILE. Fails with `config_invalid`. */
export function gatewayKey(): HostKey {
  const file = process.env['COUNTERSIGN_ISSUER_KEY_FILE']
  if (file === undefined || file === '') {
    throw invalid('COUNTERSIGN_ISSUER_KEY_FILE is not set: the gateway has no key to sign with.')
  }
  try {
    return hostKeyOf(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw invalid(`The key file \`${file}\`, which COUNTERSIGN_ISSUER_KEY_FILE names, cannot be used: ${reason}`, error)
  }
}

/** Publishes the key of the gateway where it is new. Fails with `config_invalid` on one with which nobody may sign. */
export async function publishKey(db: LedgerDatabase, { keyId, publicKey }: HostKey, issuer: string): Promise<void> {
  const stored = await storeIssuerKey(db, { keyId, publicKey, issuer, development: false })
  const isOver = stored.validTo !== null && stored.validTo.getTime() <= Date.now()
  if (stored.development) throw invalid(`The key ${keyId} is one for development.`)
  if (stored.revokedAt !== null) throw invalid(`The key ${keyId} is revoked.`)
  if (isOver) throw invalid(`The time of the key ${keyId} is over.`)
}

/** Writes a private key to a file that is not there yet, for its owner alone. Fails with `config_invalid`. */
export async function writeKey(file: string, pem: string): Promise<void> {
  try {
    await writeFile(file, pem, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const help =
      code === 'EEXIST' ? 'Name a file that is not there yet: a key is never written over.' : 'Name another file.'
    throw new CliError('config_invalid', `The key cannot be written to \`${file}\`: ${code ?? 'unknown'}.`, help, {
      cause: error,
    })
  }
}
