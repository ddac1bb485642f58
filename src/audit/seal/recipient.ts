import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'

/** What is written for one reader (RFC 7516): the key of it is wrapped to his public key. */
const CONTENT = 'A256GCM'
/** How the key is wrapped, by the kind of the reader's key. Weaker ways are not taken, whatever a file asks for. */
const WRAPPED: Readonly<Record<string, string>> = {
  x25519: 'ECDH-ES+A256KW',
  ec: 'ECDH-ES+A256KW',
  rsa: 'RSA-OAEP-256',
}
const LEAST_RSA_BITS = 2_048

function wayFor(key: KeyObject): string {
  const kind = key.asymmetricKeyType ?? 'unknown'
  const way = WRAPPED[kind]
  if (way === undefined) throw new TypeError(`nothing can be written for a key of the kind ${kind}: X25519, EC or RSA`)
  const { modulusLength = LEAST_RSA_BITS } = key.asymmetricKeyDetails ?? {}
  if (modulusLength < LEAST_RSA_BITS) throw new TypeError(`an RSA key has ${LEAST_RSA_BITS} bits at least`)
  return way
}

const isJwk = (text: string): boolean => text.trimStart().startsWith('{')

function keyIn<K extends KeyObject>(text: string, read: (input: never) => K): K {
  const key = read((isJwk(text) ? { key: JSON.parse(text) as unknown, format: 'jwk' } : text) as never)
  wayFor(key)
  return key
}

/** The public key of a reader: PEM (SPKI) or a JWK. Throws on one that nothing can be written for. */
export const readerKeyOf = (text: string): KeyObject => {
  if (/PRIVATE KEY/.test(text)) throw new TypeError('it is a private key, which nobody but the reader may have')
  return keyIn(text, createPublicKey)
}

/** The private key of a reader: PEM (PKCS #8) or a JWK. Throws on one that nothing can be written for. */
export const readerPrivateKeyOf = (text: string): KeyObject => keyIn(text, createPrivateKey)

/** Makes a key pair of a reader, PEM. */
export const newReaderKey = (): { readonly privateKey: string; readonly publicKey: string } =>
  generateKeyPairSync('x25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })

/** Encrypts a text so that only the reader can read it; `readerId` stands before it in the clear. */
export const writtenFor = (reader: KeyObject, readerId: string, text: string): Promise<string> =>
  new CompactEncrypt(Buffer.from(text))
    .setProtectedHeader({ alg: wayFor(reader), enc: CONTENT, kid: readerId })
    .encrypt(reader)

/** Reads what was written for a reader. Throws where it was for another one, or was altered. */
export async function readBy(privateKey: KeyObject, written: string): Promise<string> {
  const { plaintext } = await compactDecrypt(written.trim(), privateKey, {
    keyManagementAlgorithms: [wayFor(privateKey)],
    contentEncryptionAlgorithms: [CONTENT],
  })
  return Buffer.from(plaintext).toString()
}
