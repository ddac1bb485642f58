import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** The key pair with which a host signs its receipts: Ed25519 (RFC 8032). */
export interface HostKey {
  /** The first 32 hex digits of the SHA-256 of the public key (SPKI, DER). */
  readonly keyId: string
  /** PEM, SPKI. */
  readonly publicKey: string
  /** base64url */
  readonly sign: (text: string) => string
}

const keyIdOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 32)

/** Reads a private key (PEM, PKCS #8, Ed25519); throws `TypeError` on any other kind. */
export function hostKeyOf(pem: string): HostKey {
  const privateKey = createPrivateKey(pem)
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(`a host key is Ed25519, this one is ${privateKey.asymmetricKeyType ?? 'unknown'}`)
  }
  const publicKey = createPublicKey(privateKey)
  return {
    keyId: keyIdOf(publicKey),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString('base64url'),
  }
}

/** Makes a new private key, PEM. */
export const newHostKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** Reads the key in a file; where there is none, makes one that only its owner can read. For development. */
export function hostKeyFile(file: string): HostKey {
  try {
    mkdirSync(dirname(file), { recursive: true })
    // `wx`: of two processes that start at once, one writes and both read.
    writeFileSync(file, newHostKey(), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return hostKeyOf(readFileSync(file, 'utf8'))
}

/** Whether a signature (base64url) over a text is of the key (PEM, SPKI). */
export const verifies = (publicKey: string, text: string, signature: string): boolean =>
  verify(null, Buffer.from(text), createPublicKey(publicKey), Buffer.from(signature, 'base64url'))
