import { type KeyObject, verify } from 'node:crypto'
import type { Tree } from './merkle.ts'
import { bytesIn, noteKeyId, type NoteSignature, readNote, SIGNATURE, type SignedNote } from './note.ts'

/** What a log says of itself at one time (c2sp.org/tlog-checkpoint). */
export interface Checkpoint extends Tree {
  /** Which log it is. */
  readonly origin: string
}

/** A checkpoint with its note, of which nothing was believed yet. */
export interface NotedCheckpoint extends Checkpoint {
  readonly note: SignedNote
}

/** The text that a log signs. */
export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`

/** Reads a checkpoint. `undefined`: it is none, or has lines that are not ours. */
export function readCheckpoint(text: string): NotedCheckpoint | undefined {
  const note = readNote(text)
  const [, origin = '', size = '', base64 = ''] =
    /^([^\n]+)\n(0|[1-9]\d{0,15})\n([^\n]+)\n$/u.exec(note?.text ?? '') ?? []
  const root = bytesIn(base64)
  if (note === undefined || root?.length !== 32 || !Number.isSafeInteger(Number(size))) return undefined
  return { origin, size: Number(size), root, note }
}

/** What a witness signs (c2sp.org/tlog-cosignature, Ed25519). */
const cosignedText = (text: string, seconds: bigint): Buffer => Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`)

/** A key of a witness, and its name. */
export interface WitnessKey {
  readonly name: string
  readonly publicKey: KeyObject
}

/** Says that a witness saw a checkpoint, then. */
export async function cosign(
  text: string,
  { name, publicKey, sign }: WitnessKey & { readonly sign: (bytes: Uint8Array) => Promise<Uint8Array> },
  at: Date,
): Promise<NoteSignature> {
  const seconds = BigInt(Math.floor(at.getTime() / 1_000))
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(seconds)
  const signature = Buffer.concat([time, await sign(cosignedText(text, seconds))])
  return { name, keyId: noteKeyId(name, SIGNATURE.cosignature, publicKey), signature }
}

/**
 * When a witness with this key saw a checkpoint, at the latest; `undefined`: it did not. A signature of it that is wrong counts as none at all. The name is not
 * part of what it signs, so whoever has its key need not know how it is called.
 */
export function cosignedAt(text: string, signatures: readonly NoteSignature[], publicKey: KeyObject): Date | undefined {
  const made = signatures.filter(({ name, keyId }) => keyId === noteKeyId(name, SIGNATURE.cosignature, publicKey))
  const times = made.map(({ signature }) => {
    if (signature.length !== 72) return undefined
    const seconds = Buffer.from(signature).readBigUInt64BE(0)
    return verify(null, cosignedText(text, seconds), publicKey, signature.subarray(8)) ? seconds : undefined
  })
  if (times.length === 0 || times.includes(undefined)) return undefined
  const latest = Number((times as readonly bigint[]).reduce((one, other) => (one > other ? one : other)))
  return latest > MOST_SECONDS ? undefined : new Date(latest * 1_000)
}

/** The end of the year 9999. */
const MOST_SECONDS = 253_402_300_799
