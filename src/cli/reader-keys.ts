import { readFileSync, statSync } from 'node:fs'
import type { KeyObject } from 'node:crypto'
import type { DataKey } from '../privacy/data-keys.ts'
import { UsageError } from './errors.ts'

/** How a command reads what is encrypted in a file of `countersign audit bundle`. */
export interface ReadingOptions {
  readonly readWith?: string
  readonly dataKeys?: string
}

export const READ_WITH = 'your private key, of `countersign audit new-key --for-reading`: reads what is encrypted'
export const DATA_KEYS = 'what `countersign audit bundle --for` wrote beside it (default: the file, `.keys`)'

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Reads the public key of a reader. Fails as a usage error on what is none. */
export async function readerKeyIn(file: string): Promise<KeyObject> {
  const { readerKeyOf } = await import('../audit/seal/recipient.ts')
  try {
    return readerKeyOf(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(
      `\`${file}\` holds no public key of a reader: ${reasonOf(error)}`,
      'Name a PEM file or a JWK of an X25519, EC or RSA key; `countersign audit new-key --for-reading` makes one.',
    )
  }
}

/** The data keys of a run that were written for this reader; `undefined`: he did not name his key. Fails as a usage error. */
export async function dataKeysFor(
  bundleFile: string,
  { readWith, dataKeys: named }: ReadingOptions,
): Promise<readonly DataKey[] | undefined> {
  if (readWith === undefined) {
    if (named === undefined) return undefined
    throw new UsageError('`--data-keys` needs `--read-with`', 'Name your private key.')
  }
  const [{ readerPrivateKeyOf }, { runKeysBy }] = await Promise.all([
    import('../audit/seal/recipient.ts'),
    import('../audit/seal/run-keys.ts'),
  ])
  const file = named ?? `${bundleFile}.keys`
  let privateKey: KeyObject
  try {
    if ((statSync(readWith).mode & 0o077) !== 0) throw new TypeError('others than its owner can read it: make it 0600')
    privateKey = readerPrivateKeyOf(readFileSync(readWith, 'utf8'))
  } catch (error) {
    throw new UsageError(`\`${readWith}\` cannot be used: ${reasonOf(error)}`, 'Name your private key.')
  }
  try {
    return (await runKeysBy(privateKey, readFileSync(file, 'utf8'))).keys
  } catch (error) {
    throw new UsageError(
      `\`${file}\` holds no data keys for this reader: ${reasonOf(error)}`,
      'Name what `countersign audit bundle --for` wrote for your public key.',
    )
  }
}
