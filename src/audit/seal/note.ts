import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'

/** What a signature on a note is: of the log itself, or of a witness (C2SP signed-note, “signature types”). */
export const SIGNATURE = { ed25519: 0x01, cosignature: 0x04 } as const
type SignatureType = (typeof SIGNATURE)[keyof typeof SIGNATURE]

/** A text with signatures on it (c2sp.org/signed-note). */
export interface SignedNote {
  /** Ends in a new line. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

export interface NoteSignature {
  readonly name: string
  /** Eight hex digits. */
  readonly keyId: string
  readonly signature: Uint8Array
}

/** More would only keep whoever verifies busy. */
const MOST_SIGNATURES = 64
const MOST_CHARACTERS = 200_000
/** Neither blanks nor plus: it stands in a line of its own. */
const NAME = /^[^\s+\p{Cc}]{1,200}$/u

/** Whether something can name a key or a log. */
export const isNoteName = (name: string): boolean => NAME.test(name) && name.isWellFormed()

/** The 32 bytes of an Ed25519 key. */
export function rawKey(publicKey: KeyObject): Uint8Array {
  const { x } = publicKey.export({ format: 'jwk' })
  return Buffer.from(x ?? '', 'base64url')
}

/** The id of a key by its name and by what it signs: the first four bytes of a SHA-256, in hex. */
export const noteKeyId = (name: string, type: SignatureType, publicKey: KeyObject): string =>
  createHash('sha256')
    .update(`${name}\n`)
    .update(Uint8Array.of(type))
    .update(rawKey(publicKey))
    .digest('hex')
    .slice(0, 8)

/** A signature line. */
export const signatureLine = ({ name, keyId, signature }: NoteSignature): string =>
  `— ${name} ${Buffer.concat([Buffer.from(keyId, 'hex'), signature]).toString('base64')}\n`

/** The whole of a note. */
export const noteText = ({ text, signatures }: SignedNote): string =>
  `${text}\n${signatures.map(signatureLine).join('')}`

/** Reads signature lines, and nothing else. `undefined`: they are none. */
export function signaturesIn(lines: string): readonly NoteSignature[] | undefined {
  if (!lines.endsWith('\n') || lines.length > MOST_CHARACTERS) return undefined
  const read = lines.slice(0, -1).split('\n').map(signatureIn)
  return read.length > MOST_SIGNATURES || read.includes(undefined) ? undefined : (read as readonly NoteSignature[])
}

function signatureIn(line: string): NoteSignature | undefined {
  const [, name = '', base64 = ''] = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line) ?? []
  const bytes = bytesIn(base64)
  if (!isNoteName(name) || bytes === undefined || bytes.length < 5) return undefined
  return { name, keyId: bytes.toString('hex', 0, 4), signature: bytes.subarray(4) }
}

/** Base64 that was written in its one form; `undefined`: it was not. */
export function bytesIn(base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64') === base64 ? bytes : undefined
}

/** Reads a note, and believes nothing of it. `undefined`: it is none. */
export function readNote(note: string): SignedNote | undefined {
  if (note.length > MOST_CHARACTERS || !note.isWellFormed() || /(?!\n)\p{Cc}/u.test(note)) return undefined
  const at = note.lastIndexOf('\n\n')
  const signatures = at === -1 ? undefined : signaturesIn(note.slice(at + 2))
  return signatures === undefined ? undefined : { text: note.slice(0, at + 1), signatures }
}

/** A key by which notes are believed. */
export interface NoteKey {
  readonly name: string
  readonly publicKey: KeyObject
}

/** Whether a log with this key signed a text. */
export function isSignedBy({ text, signatures }: SignedNote, { name, publicKey }: NoteKey): boolean {
  const keyId = noteKeyId(name, SIGNATURE.ed25519, publicKey)
  const made = signatures.filter((one) => one.name === name && one.keyId === keyId)
  return made.length > 0 && made.every(({ signature }) => verify(null, Buffer.from(text), publicKey, signature))
}

/** `<name>+<key id>+<type and key>`: a key as C2SP writes it. */
export const verifierKey = ({ name, publicKey }: NoteKey, type: SignatureType): string =>
  `${name}+${noteKeyId(name, type, publicKey)}+${Buffer.concat([Uint8Array.of(type), rawKey(publicKey)]).toString('base64')}`

/** Reads what `verifierKey` writes. `undefined`: it is none of an Ed25519 key. */
export function noteKeyIn(text: string): (NoteKey & { readonly type: SignatureType }) | undefined {
  const [, name = '', keyId = '', base64 = ''] = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text.trim()) ?? []
  const bytes = bytesIn(base64)
  const type = Object.values(SIGNATURE).find((one) => one === bytes?.[0])
  if (bytes?.length !== 33 || type === undefined || !isNoteName(name)) return undefined
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') }
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  return noteKeyId(name, type, publicKey) === keyId ? { name, publicKey, type } : undefined
}
