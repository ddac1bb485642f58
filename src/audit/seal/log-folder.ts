import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { type NotedCheckpoint, readCheckpoint } from './checkpoint.ts'
import { hashesIn, latestCheckpoint, LogError } from './log.ts'
import { leafHash, rootOf, sameHash, type Tree } from './merkle.ts'
import { type ReadHashes, subtreesOfTiles, TILE_WIDTH, tilePath, tilesOf, widthAt } from './tiles.ts'

const CHECKPOINT = 'checkpoint'

/**
 * Writes the log into a folder as static files (c2sp.org/tlog-tiles): the newest checkpoint, with what witnesses said of it, the tiles of its tree, and what the
 * leaves are of. The checkpoint comes last: it never tells of tiles that are not there. Answers how many leaves it is of.
 */
export async function exportLog(db: LedgerDatabase, folder: string): Promise<number> {
  const checkpoint = await latestCheckpoint(db)
  if (checkpoint === undefined) throw new LogError('there is no checkpoint yet')
  const { size, text, cosignatures } = checkpoint
  const read = hashesIn(db)
  for (const { level, index, width } of tilesOf(size)) {
    const hashes = await read(level, index * TILE_WIDTH, width)
    await write(join(folder, tilePath(level, index, width)), Buffer.concat(hashes))
    if (level > 0) continue
    const rows = await db
      .selectFrom('countersign.log_leaves')
      .select('envelope_digest')
      .where('index', '>=', index * TILE_WIDTH)
      .where('index', '<', index * TILE_WIDTH + width)
      .orderBy('index')
      .execute()
    const entries = rows.map(({ envelope_digest: digest }) => Buffer.from(digest.slice('sha256:'.length), 'hex'))
    await write(join(folder, tilePath('entries', index, width)), Buffer.concat(entries.flatMap(withLength)))
  }
  await write(join(folder, CHECKPOINT), Buffer.from(text + cosignatures.join('')))
  return size
}

const withLength = (entry: Buffer): readonly Buffer[] => [Buffer.from([entry.length >> 8, entry.length & 255]), entry]

/** A reader sees the old file or the new one. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(`${path}.new`, bytes)
  const written = await open(`${path}.new`, 'r')
  await written.sync()
  await written.close()
  await rename(`${path}.new`, path)
}

/** The checkpoint of an exported log; `undefined`: there is none. */
export async function checkpointIn(folder: string): Promise<NotedCheckpoint | undefined> {
  return readCheckpoint(await readFile(join(folder, CHECKPOINT), 'utf8'))
}

/** Reads hashes of the tiles of an exported log. Throws where one is missing, or was cut. */
export function tilesIn(folder: string, size: number): ReadHashes {
  return async (level, from, count) => {
    const index = from / TILE_WIDTH
    const width = Math.min(TILE_WIDTH, widthAt(level, size) - from)
    const path = tilePath(level, index, width)
    const bytes = await readFile(join(folder, path))
    if (bytes.length !== width * 32) throw new LogError(`\`${path}\` is not ${width} hashes`)
    return Array.from({ length: count }, (_, at) => bytes.subarray(at * 32, at * 32 + 32))
  }
}

/** What is wrong with the files of an exported log; none: its tree is that of its checkpoint, leaf by leaf. */
export async function wrongInLog(folder: string, { size, root }: Tree): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const { level, index, width } of tilesOf(size)) {
    const path = tilePath(level, index, width)
    try {
      const tile = await tilesIn(folder, size)(level, index * TILE_WIDTH, width)
      const below =
        level === 0 ? await leavesIn(folder, index, width) : await fullTiles(folder, size, level, index, width)
      if (tile.some((hash, at) => !sameHash(hash, below[at] ?? new Uint8Array()))) wrong.push(path)
    } catch (error) {
      wrong.push(`${path}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (wrong.length === 0 && !sameHash(await rootOf(subtreesOfTiles(tilesIn(folder, size), size), size), root)) {
    wrong.push(CHECKPOINT)
  }
  return wrong
}

async function leavesIn(folder: string, index: number, width: number): Promise<readonly Uint8Array[]> {
  const bytes = await readFile(join(folder, tilePath('entries', index, width)))
  const leaves: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt16BE(at)
    leaves.push(leafHash(bytes.subarray(at + 2, at + 2 + length)))
    at += 2 + length
  }
  return leaves
}

async function fullTiles(folder: string, size: number, level: number, index: number, width: number) {
  const read = tilesIn(folder, size)
  return await Promise.all(
    Array.from({ length: width }, async (_, at) => {
      const hashes = await read(level - 1, (index * TILE_WIDTH + at) * TILE_WIDTH, TILE_WIDTH)
      return await rootOf(
        subtreesOfTiles(async () => hashes, TILE_WIDTH),
        TILE_WIDTH,
      )
    }),
  )
}
