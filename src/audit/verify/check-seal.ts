import type { KeyObject } from 'node:crypto'
import { canonicalJson } from '../../contract/digest.ts'
import { digestOfBytes } from '../record/history-bytes.ts'
import type { Entry } from '../record/types.ts'
import { entryHash, logLeaf, membersOf, type SealedBundle } from '../seal/bundle.ts'
import { cosignedAt, type NotedCheckpoint, readCheckpoint } from '../seal/checkpoint.ts'
import { isSealedBy, sealKeyId } from '../seal/dsse.ts'
import { consistencyProof, type Hash, isConsistent, isIncluded, rootOf, sameHash, subtreesOf } from '../seal/merkle.ts'
import { isSignedBy, noteKeyId, signaturesIn, SIGNATURE } from '../seal/note.ts'
import { BOUND, readSealed, type Seal } from '../seal/sealed.ts'
import { type ReadHashes, subtreesOfTiles } from '../seal/tiles.ts'
import { failed, ok, skipped, type Verdict } from './verdict.ts'

/** How an entry is named where something is said of it. */
export const entryName = ({ seq, kind, step }: Entry): string =>
  `entry ${seq} (${kind}${step === null ? '' : ` ${step}`})`

const hashesOf = (base64: readonly string[]): readonly Hash[] => base64.map((one) => Buffer.from(one, 'base64'))

/** The seal of a bundle: whether it was signed by one of these keys, and what it says. The keys decide, and nothing in the file. */
export function checkEnvelope(
  { envelope, record }: SealedBundle,
  keys: readonly KeyObject[],
): { readonly verdict: Verdict; readonly seal: Seal | undefined } {
  const key = keys.find((one) => isSealedBy(envelope, one))
  const [{ keyid }] = envelope.signatures
  let seal: Seal | undefined
  let why = ''
  try {
    seal = readSealed(Buffer.from(envelope.payload, 'base64'))
  } catch (error) {
    why = error instanceof Error ? error.message : String(error)
  }
  if (key === undefined) {
    const known = keys.some((one) => sealKeyId(one) === keyid)
    const what = known ? 'the signature is wrong: it was altered' : 'it is not signed by the key that was given'
    return { verdict: failed('envelope', what, ['envelope']), seal }
  }
  if (seal === undefined) return { verdict: failed('envelope', why, ['envelope.payload']), seal }
  if (seal.record.runKey !== record.runKey) {
    return { verdict: failed('envelope', `it is the seal of \`${seal.record.runKey}\``, ['record.runKey']), seal }
  }
  return { verdict: ok('envelope', `sealed ${seal.sealedAt} with the key ${sealKeyId(key)}`), seal }
}

/** Whether the members are those that the seal binds. */
export function checkMembers(bundle: SealedBundle, seal: Seal | undefined): Verdict {
  if (seal === undefined) return skipped('members', 'there is no seal to compare them with')
  const now = membersOf(bundle)
  const where = BOUND.filter((name) => now[name] !== seal.members[name]).map((name) => `member ${name}`)
  where.push(...blobsThatDiffer(bundle))
  return where.length === 0
    ? ok('members', `${BOUND.length} members are those that were sealed`)
    : failed('members', 'what is in the file is not what was sealed', where)
}

/** Whether the record is that which was sealed, entry by entry. */
export async function checkTree({ record, leaves }: SealedBundle, seal: Seal | undefined): Promise<Verdict> {
  if (seal === undefined) return skipped('tree', 'there is no seal to compare the record with')
  const { entries, ...header } = record
  const where = fieldsThatDiffer(seal.record, header).map((name) => `record.${name}`)
  const hashes = entries.map(entryHash)
  const listed = hashesOf(leaves)
  const areListed = isRootOf(await rootOf(subtreesOf(listed), listed.length), seal.root)
  const isWhole = isRootOf(await rootOf(subtreesOf(hashes), hashes.length), seal.root) && hashes.length === seal.entries
  if (isWhole && areListed && where.length === 0) return ok('tree', `${entries.length} entries under the sealed root`)
  if (isWhole && !areListed) {
    const at = Array.from({ length: Math.max(leaves.length, hashes.length) }, (_, index) => index)
    const wrong = at.filter((index) => !isSame(hashes[index], listed[index])).map((index) => `leaves[${index}]`)
    return failed('tree', 'the list of the hashes of entries was changed', [...where, ...wrong])
  }
  if (!isWhole) where.push(...entriesThatDiffer(entries, hashes, areListed ? listed : undefined, seal.entries))
  return failed('tree', 'the record is not the one that was sealed', where)
}

const isSame = (one: Hash | undefined, other: Hash | undefined): boolean =>
  one !== undefined && other !== undefined && sameHash(one, other)
const isRootOf = (root: Hash, hex: string): boolean => Buffer.from(root).toString('hex') === hex

/** Which entries were changed, are missing, or are too many. */
function entriesThatDiffer(
  entries: readonly Entry[],
  hashes: readonly Hash[],
  sealed: readonly Hash[] | undefined,
  count: number,
): readonly string[] {
  const names = entries.flatMap((entry, at) =>
    sealed === undefined || isSame(hashes[at], sealed[at]) ? [] : [entryName(entry)],
  )
  for (let at = entries.length; at < count; at += 1) names.push(`entry ${at} (missing)`)
  if (sealed !== undefined || names.length > 0) return names.length === 0 ? ['record.entries'] : names
  // The list of hashes was changed as well. What histories tell is named by the verdict on the record; the rest may be any of these.
  return ['leaves', 'record.entries', ...entries.filter(({ kind }) => kind === 'difference').map(entryName)]
}

/** The fields of two objects that are not the same. */
export const fieldsThatDiffer = (one: object, other: object): readonly string[] =>
  [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((name) => {
    const [a, b] = [(one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name]]
    return a === undefined || b === undefined ? a !== b : canonicalJson(a) !== canonicalJson(b)
  })

/** Whether the seal is a leaf of the log, as the checkpoint in the bundle has it. */
export function checkInclusion({ envelope, log }: SealedBundle): Verdict {
  const checkpoint = readCheckpoint(log.checkpoint)
  if (checkpoint === undefined) return failed('inclusion', 'there is no checkpoint', ['log.checkpoint'])
  const { index, proof } = log
  const place = { index, size: checkpoint.size, proof: hashesOf(proof), root: checkpoint.root }
  return isIncluded(logLeaf(envelope), place)
    ? ok('inclusion', `leaf ${index} of ${checkpoint.size}`)
    : failed('inclusion', `the log does not have this seal as its leaf ${index}`, [
        'log.index',
        'log.proof',
        'envelope',
      ])
}

/** Against what the log is checked. */
export interface AgainstLog {
  readonly keys: readonly KeyObject[]
  /** The checkpoint that the reader holds. */
  readonly pinned: NotedCheckpoint
  readonly witnessKeys: readonly KeyObject[]
  /** The tiles of the log, where they are at hand. */
  readonly tiles?: ReadHashes | undefined
}

const isOfLog = (checkpoint: NotedCheckpoint, keys: readonly KeyObject[]): boolean =>
  keys.some((publicKey) => isSignedBy(checkpoint.note, { name: checkpoint.origin, publicKey }))

const no = (why: string, ...where: readonly string[]): Verdict => failed('checkpoint', why, where)

/** Whether the log signed the checkpoint of the bundle, and that is one log with the checkpoint that the reader holds. */
export async function checkCheckpoint({ log }: SealedBundle, { keys, pinned, tiles }: AgainstLog): Promise<Verdict> {
  const checkpoint = readCheckpoint(log.checkpoint)
  if (checkpoint === undefined) return no('it is no checkpoint', 'log.checkpoint')
  if (!isOfLog(pinned, keys))
    return no('the key that was given did not sign the checkpoint that was given', '--checkpoint')
  if (checkpoint.origin !== pinned.origin) return no(`it is of another log, \`${checkpoint.origin}\``, 'log.checkpoint')
  if (!isOfLog(checkpoint, keys)) return no('the key that was given did not sign it', 'log.checkpoint')
  const { size } = checkpoint
  const relation = `${size} leaves, and the checkpoint that was given has ${pinned.size}`
  if (size === pinned.size) {
    if (log.consistency !== null) return no('it shows what needs no showing', 'log.consistency')
    return sameHash(checkpoint.root, pinned.root)
      ? ok('checkpoint', `${size} leaves: it is the checkpoint that was given`)
      : no(`two trees of ${size} leaves: the log was forked, or rewritten`, 'log.checkpoint', '--checkpoint')
  }
  const [old, now] = size < pinned.size ? [checkpoint, pinned] : [pinned, checkpoint]
  const { consistency } = log
  const isFitting = consistency !== null && consistency.from === old.size && consistency.to === now.size
  if (consistency !== null && !isFitting) {
    return no(`it has ${relation}; what it shows is of other trees: export it for this checkpoint`, 'log.consistency')
  }
  const proof = isFitting ? hashesOf(consistency.proof) : await proofFrom(tiles, old.size, now.size)
  if (proof === undefined) {
    return no(
      `it has ${relation}, and nothing shows that they are of one log: export it for this checkpoint`,
      'log.consistency',
    )
  }
  return isConsistent(old, now, proof)
    ? ok('checkpoint', `it has ${relation}: they are of one log`)
    : no(
        `it has ${relation}, and they are not of one log: it was cut, forked or rewritten`,
        'log.checkpoint',
        'log.consistency',
      )
}

async function proofFrom(
  tiles: ReadHashes | undefined,
  old: number,
  now: number,
): Promise<readonly Hash[] | undefined> {
  if (tiles === undefined) return undefined
  try {
    return await consistencyProof(subtreesOfTiles(tiles, now), old, now)
  } catch {
    return undefined
  }
}

/** Whether each witness saw the checkpoint of the bundle, or the one that the reader holds. */
export function checkWitness({ log }: SealedBundle, { pinned, witnessKeys }: AgainstLog): Verdict {
  const signatures = signaturesIn(log.cosignatures.join(''))
  if (log.cosignatures.length > 0 && signatures?.length !== log.cosignatures.length) {
    return failed('witness', 'a signature line is none', ['log.cosignatures'])
  }
  if (witnessKeys.length === 0) return skipped('witness', 'no key of a witness was given')
  const { text = '' } = readCheckpoint(log.checkpoint)?.note ?? {}
  const seen = witnessKeys.map(
    (key) =>
      cosignedAt(text, signatures ?? [], key) ??
      (hasSigned(signatures ?? [], key) ? undefined : cosignedAt(pinned.note.text, pinned.note.signatures, key)),
  )
  if (seen.includes(undefined)) {
    return failed('witness', 'a witness did not sign the checkpoint', ['log.cosignatures'])
  }
  return ok(
    'witness',
    `seen by ${seen.length}, last at ${
      seen
        .map((at) => at?.toISOString() ?? '')
        .toSorted()
        .at(-1) ?? ''
    }`,
  )
}

const hasSigned = (signatures: NonNullable<ReturnType<typeof signaturesIn>>, key: KeyObject): boolean =>
  signatures.some(({ name, keyId }) => keyId === noteKeyId(name, SIGNATURE.cosignature, key))

/** Parts of a bundle by which nothing is decided: signatures of keys that were not given. */
export function ignoredIn({ log }: SealedBundle, { keys, witnessKeys }: AgainstLog): readonly string[] {
  const checkpoint = readCheckpoint(log.checkpoint)
  const ignored: string[] = []
  for (const { name, keyId } of checkpoint?.note.signatures ?? []) {
    if (!keys.some((key) => noteKeyId(name, SIGNATURE.ed25519, key) === keyId)) {
      ignored.push(`log.checkpoint: the signature of ${name} with the key ${keyId}`)
    }
  }
  for (const { name, keyId } of signaturesIn(log.cosignatures.join('')) ?? []) {
    if (!witnessKeys.some((key) => noteKeyId(name, SIGNATURE.cosignature, key) === keyId)) {
      ignored.push(`log.cosignatures: the signature of ${name} with the key ${keyId}`)
    }
  }
  return ignored
}

/** Which blobs are not what their digest says. */
const blobsThatDiffer = ({ blobs }: SealedBundle): readonly string[] =>
  Object.entries(blobs).flatMap(([digest, content]) =>
    digestOfBytes(Buffer.from(content, 'base64')) === digest ? [] : [`blobs.${digest}`],
  )
