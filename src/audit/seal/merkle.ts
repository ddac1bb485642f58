import { createHash } from 'node:crypto'

/** A SHA-256: 32 bytes. */
export type Hash = Uint8Array

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

const sha256 = (...parts: readonly Uint8Array[]): Hash => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The hash of a leaf (RFC 9162, section 2.1.1). */
export const leafHash = (entry: Uint8Array): Hash => sha256(LEAF, entry)

/** The hash of an inner node. */
export const nodeHash = (left: Hash, right: Hash): Hash => sha256(NODE, left, right)

/** Whether two hashes are the same. */
export const sameHash = (one: Hash, other: Hash): boolean => Buffer.compare(one, other) === 0

/** The root of no leaves. */
export const EMPTY_ROOT: Hash = sha256()

/** The root over `256^level * 2^height` leaves, the `index`-th such tree. */
export type Subtrees = (height: number, index: number) => Promise<Hash>

/** The height of the largest perfect tree that is smaller than a tree of so many leaves. */
function heightBelow(leaves: number): number {
  let height = 0
  while (2 ** (height + 1) < leaves) height += 1
  return height
}

/** The root over some leaves, of the perfect trees in them. `from` is a multiple of the largest of these. */
async function rootIn(subtrees: Subtrees, from: number, to: number): Promise<Hash> {
  const leaves = to - from
  if (leaves === 0) return EMPTY_ROOT
  const height = Math.log2(leaves)
  if (Number.isInteger(height)) return await subtrees(height, from / leaves)
  const middle = from + 2 ** heightBelow(leaves)
  return nodeHash(await rootIn(subtrees, from, middle), await rootIn(subtrees, middle, to))
}

/** The root of a tree of so many leaves. */
export const rootOf = (subtrees: Subtrees, size: number): Promise<Hash> => rootIn(subtrees, 0, size)

/** Proves that a leaf is in a tree of so many leaves (RFC 9162, section 2.1.3.1). Throws `RangeError` where it is not. */
export async function inclusionProof(subtrees: Subtrees, index: number, size: number): Promise<readonly Hash[]> {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new RangeError(`there is no leaf ${index} in a tree of ${size}`)
  }
  const path: Hash[] = []
  let [from, to] = [0, size]
  while (to - from > 1) {
    const middle = from + 2 ** heightBelow(to - from)
    const isLeft = index < middle
    path.push(await (isLeft ? rootIn(subtrees, middle, to) : rootIn(subtrees, from, middle)))
    if (isLeft) to = middle
    else from = middle
  }
  return path.toReversed()
}

/** Proves that a tree goes on from a smaller one (RFC 9162, section 2.1.4.1). Throws `RangeError` where there is no such one. */
export async function consistencyProof(subtrees: Subtrees, old: number, size: number): Promise<readonly Hash[]> {
  if (!Number.isSafeInteger(old) || old < 0 || old > size) {
    throw new RangeError(`a tree of ${size} leaves does not go on from one of ${old}`)
  }
  if (old === 0 || old === size) return []
  const path: Hash[] = []
  let [from, to] = [0, size]
  while (old < to) {
    const middle = from + 2 ** heightBelow(to - from)
    const isLeft = old <= middle
    path.push(await (isLeft ? rootIn(subtrees, middle, to) : rootIn(subtrees, from, middle)))
    if (isLeft) to = middle
    else from = middle
  }
  if (from > 0) path.push(await rootIn(subtrees, from, to))
  return path.toReversed()
}

/** Whether a proof shows that a leaf is in the tree of a root (RFC 9162, section 2.1.3.2). */
export function isIncluded(
  leaf: Hash,
  { index, size, proof, root }: { index: number; size: number; proof: readonly Hash[]; root: Hash },
): boolean {
  if (!areCounts(index, size) || index >= size) return false
  let [fn, sn] = [index, size - 1]
  let hash = leaf
  for (const sibling of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash)
      for (; fn % 2 === 0 && fn !== 0; sn = half(sn)) fn = half(fn)
    } else {
      hash = nodeHash(hash, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && sameHash(hash, root)
}

/** A tree as a checkpoint tells of it. */
export interface Tree {
  readonly size: number
  readonly root: Hash
}

/** Whether a proof shows that a tree goes on from another (RFC 9162, section 2.1.4.2). */
export function isConsistent(old: Tree, now: Tree, proof: readonly Hash[]): boolean {
  if (!areCounts(old.size, now.size) || old.size > now.size) return false
  if (old.size === 0) return proof.length === 0 && sameHash(old.root, EMPTY_ROOT)
  if (old.size === now.size) return proof.length === 0 && sameHash(old.root, now.root)
  const isPerfect = Number.isInteger(Math.log2(old.size))
  const [first, ...rest] = isPerfect ? [old.root, ...proof] : proof
  if (first === undefined || proof.length === 0) return false
  let [fn, sn] = [old.size - 1, now.size - 1]
  for (; fn % 2 === 1; sn = half(sn)) fn = half(fn)
  let [before, after] = [first, first]
  for (const sibling of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      before = nodeHash(sibling, before)
      after = nodeHash(sibling, after)
      for (; fn % 2 === 0 && fn !== 0; sn = half(sn)) fn = half(fn)
    } else {
      after = nodeHash(after, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && sameHash(before, old.root) && sameHash(after, now.root)
}

/** Numbers beyond 32 bits have no shift. */
const half = (count: number): number => Math.floor(count / 2)

const areCounts = (...counts: readonly number[]): boolean =>
  counts.every((count) => Number.isSafeInteger(count) && count >= 0)

/** The subtrees of leaves that are all here. */
export function subtreesOf(leaves: readonly Hash[]): Subtrees {
  const levels: Hash[][] = [[...leaves]]
  return async (height, index) => {
    for (let level = levels.length; level <= height; level += 1) {
      const below = levels[level - 1] ?? []
      const count = half(below.length)
      levels.push(Array.from({ length: count }, (_, at) => nodeHash(hashAt(below, 2 * at), hashAt(below, 2 * at + 1))))
    }
    return hashAt(levels[height] ?? [], index)
  }
}

function hashAt(hashes: readonly Hash[], index: number): Hash {
  const hash = hashes[index]
  if (hash === undefined) throw new RangeError(`there is no hash ${index} among ${hashes.length}`)
  return hash
}
