import { createHash } from 'node:crypto'
import pMap from 'p-map'
import { canonicalJson } from '../../contract/digest.ts'
import { findCopy, leavesWithoutCopy, storeCopy } from '../../ledger/archive-copies.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { readBundle } from '../seal/bundle.ts'
import { archived, bundleOf, latestCheckpoint } from '../seal/log.ts'
import { type BlobStore, StoreError } from './store.ts'

/** What came of copying. */
export interface Copied {
  readonly copied: number
  /** Why some were not; `null`: all were. */
  readonly trouble: string | null
}

const PAGE = 64
const AT_ONCE = 4
/** So many failures in a row are no matter of a single bundle: the next sweep goes on. */
const MOST_FAILURES = 3

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

/** Where a bundle stands in a store; the name tells nothing of the run to whoever does not know its key. */
export function copyName(runKey: string, index: number): string {
  const hash = sha256(runKey)
  return `${hash.slice(0, 2)}/${hash}/${index}.json`
}

/** Copies what the newest checkpoint is over and the store has not, of one part of several. Again after a crash it copies nothing twice. */
export async function copyPartition(
  { db, store }: { readonly db: LedgerDatabase; readonly store: BlobStore },
  part: { readonly partition: number; readonly of: number },
  { signal, alive = () => {} }: { readonly signal?: AbortSignal; readonly alive?: () => void } = {},
): Promise<Copied> {
  const size = (await latestCheckpoint(db))?.size ?? 0
  let copied = 0
  let failures = 0
  let trouble: string | null = null
  for (let after = -1; ;) {
    const leaves = await leavesWithoutCopy(db, store.url, { size, ...part, after, most: PAGE })
    const last = leaves.at(-1)
    if (last === undefined || failures >= MOST_FAILURES) return { copied, trouble }
    await pMap(
      leaves,
      async (leaf) => {
        signal?.throwIfAborted()
        if (failures >= MOST_FAILURES) return
        try {
          await copyLeaf(db, store, leaf)
          copied += 1
          failures = 0
        } catch (error) {
          if (!(error instanceof StoreError)) throw error
          failures += 1
          trouble = error.message
        }
        alive()
      },
      { concurrency: AT_ONCE },
    )
    after = last.index
  }
}

async function copyLeaf(
  db: LedgerDatabase,
  store: BlobStore,
  { index, runKey }: { readonly index: number; readonly runKey: string },
): Promise<void> {
  const name = copyName(runKey, index)
  const text = await bundleOf(db, index)
  let hash = sha256(text)
  if ((await store.put(name, Buffer.from(text))) === 'there') {
    // Somebody died between writing it and saying so, as of an earlier checkpoint.
    const bytes = (await store.get(name)) ?? new Uint8Array()
    const sealed = await archived(db, index)
    if (!isCopyOf(bytes, index, canonicalJson(sealed))) {
      throw new StoreError(`\`${name}\` in the store is not the bundle of leaf ${index}: see who can write there`)
    }
    hash = sha256(bytes)
  }
  await storeCopy(db, { store: store.url, index, name, sha256: hash })
}

function isCopyOf(bytes: Uint8Array, index: number, sealed: string): boolean {
  const read = readBundle(bytes)
  if (!read.ok) return false
  const { log, ...rest } = read.bundle
  return log.index === index && canonicalJson(rest) === sealed
}

/** Reads a copy, and believes it only where it is what was written. `undefined`: no copy is known. Throws `StoreError`. */
export async function readCopy(
  { db, store }: { readonly db: LedgerDatabase; readonly store: BlobStore },
  index: number,
): Promise<Uint8Array | undefined> {
  const copy = await findCopy(db, store.url, index)
  if (copy === undefined) return undefined
  const bytes = await store.get(copy.name)
  if (bytes === undefined) throw new StoreError(`\`${copy.name}\` is not in the store any more`)
  if (sha256(bytes) !== copy.sha256)
    throw new StoreError(`\`${copy.name}\` in the store was altered since it was written`)
  return bytes
}
