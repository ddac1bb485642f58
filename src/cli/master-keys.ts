import { type Command, Option } from 'commander'
import { existsSync, readFileSync } from 'node:fs'
import type { LedgerDatabase } from '../ledger/database.ts'
import type { LedgerDataKeys } from '../privacy/data-keys.ts'
import type { VaultSettings } from '../privacy/vault-http.ts'
import { localMasterKeys, type MasterKeys, MasterKeysError, masterKeysFile } from '../privacy/master-keys.ts'
import { CliError } from './errors.ts'

/** Where master keys are; each can be given as an environment variable, too, and every command reads those. */
export interface MasterKeysOptions {
  readonly masterKeys?: string | undefined
  readonly vaultKey?: string | undefined
  readonly vaultMount?: string | undefined
}

export const withMasterKeys = (command: Command): Command =>
  command
    .addOption(
      new Option('--master-keys <file>', 'wrap data keys with the master keys in a file').env(
        'COUNTERSIGN_MASTER_KEYS',
      ),
    )
    .addOption(
      new Option('--vault-key <name>', 'wrap data keys with a transit key of the Vault at VAULT_ADDR').env(
        'COUNTERSIGN_VAULT_KEY',
      ),
    )
    .addOption(
      new Option('--vault-mount <path>', 'where transit is mounted (default: transit)').env('COUNTERSIGN_VAULT_MOUNT'),
    )

const filled = (value: string | undefined): string | undefined => (value === '' ? undefined : value)
const set = (name: string): string | undefined => filled(process.env[name])

/** The master keys that the options or the environment name; `undefined`: neither names any. Fails with `config_invalid`, or `keys_unavailable`. */
export async function findMasterKeys(options: MasterKeysOptions = {}): Promise<MasterKeys | undefined> {
  const local = filled(options.masterKeys) ?? set('COUNTERSIGN_MASTER_KEYS')
  const vaultKey = filled(options.vaultKey) ?? set('COUNTERSIGN_VAULT_KEY')
  if (local !== undefined && vaultKey !== undefined) {
    throw new CliError(
      'config_invalid',
      'Master keys are named twice: a file and a key of Vault.',
      'Leave out --master-keys (COUNTERSIGN_MASTER_KEYS) or --vault-key (COUNTERSIGN_VAULT_KEY).',
    )
  }
  if (vaultKey !== undefined)
    return await vaultKeys(vaultKey, filled(options.vaultMount) ?? set('COUNTERSIGN_VAULT_MOUNT'))
  if (local === undefined) return undefined
  try {
    // The variable may hold the keys themselves, as a secret of the environment.
    return local.trimStart().startsWith('{') ? localMasterKeys(local) : masterKeysFile(local)
  } catch (error) {
    if (!(error instanceof MasterKeysError)) throw error
    throw new CliError('config_invalid', `The master keys cannot be used: ${error.message}.`, MAKE, { cause: error })
  }
}

export const MAKE = 'Make some with `countersign keys new-master --out <file>`; see docs/privacy.md.'

/** Where Vault is, and who asks, as the environment tells. Fails with `config_invalid`. */
export function vaultPlace(): Omit<VaultSettings, 'key' | 'mount'> {
  const address = set('VAULT_ADDR')
  if (address === undefined || !URL.canParse(address)) {
    throw new CliError(
      'config_invalid',
      'VAULT_ADDR is not the URL of a Vault.',
      'Set it, such as `https://vault:8200`.',
    )
  }
  const tokenFile = set('COUNTERSIGN_VAULT_TOKEN_FILE')
  if (tokenFile === undefined && set('VAULT_TOKEN') === undefined) {
    throw new CliError(
      'config_invalid',
      'There is no token for Vault.',
      'Set VAULT_TOKEN, or COUNTERSIGN_VAULT_TOKEN_FILE to the file that an agent keeps renewed.',
    )
  }
  if (tokenFile !== undefined && !existsSync(tokenFile)) {
    throw new CliError(
      'config_invalid',
      `There is no file \`${tokenFile}\`.`,
      'Name the file that an agent keeps renewed.',
    )
  }
  return {
    address,
    namespace: set('VAULT_NAMESPACE'),
    token: () => (tokenFile === undefined ? (set('VAULT_TOKEN') ?? '') : readFileSync(tokenFile, 'utf8').trim()),
  }
}

async function vaultKeys(key: string, mount: string | undefined): Promise<MasterKeys> {
  const place = vaultPlace()
  const { vaultMasterKeys } = await import('../privacy/vault.ts')
  return await vaultMasterKeys({ ...place, key, ...(mount !== undefined && { mount }) })
}

/** The data keys of a ledger, by the master keys that the environment names; `undefined`: it names none. */
export async function findDataKeys(
  db: LedgerDatabase,
  options?: MasterKeysOptions,
): Promise<LedgerDataKeys | undefined> {
  const masterKeys = await findMasterKeys(options)
  if (masterKeys === undefined) return undefined
  const { ledgerDataKeys } = await import('../privacy/data-keys.ts')
  return ledgerDataKeys(db, masterKeys)
}
