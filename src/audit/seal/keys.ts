import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'

/** A key that signs seals, checkpoints or cosignatures: Ed25519. Where the private one is, only this knows. */
export interface SealKey {
  readonly publicKey: KeyObject
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>
}

/** A key in a file is not to be used. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError'
}

/** A private key (PEM, PKCS #8). Throws `TypeError` on any other kind than Ed25519. */
export function sealKeyFrom(pem: string): SealKey {
  const privateKey = createPrivateKey(pem)
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(`such a key is Ed25519, this one is ${privateKey.asymmetricKeyType ?? 'unknown'}`)
  }
  return { publicKey: createPublicKey(privateKey), sign: async (bytes) => sign(null, bytes, privateKey) }
}

/** Reads a private key from a file that only its owner can read. Throws `KeyFileError`. */
export function sealKeyFile(file: string): SealKey {
  try {
    const { mode } = statSync(file)
    if ((mode & 0o077) !== 0) {
      throw new KeyFileError(`others than its owner can read \`${file}\`: make it 0600`)
    }
    return sealKeyFrom(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error instanceof KeyFileError) throw error
    throw new KeyFileError(`\`${file}\` cannot be used: ${error instanceof Error ? error.message : String(error)}`)
  }
}
