import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { errnoOf } from './errno.ts'

/** SHA-256 of a file's bytes as lower-case hex; the file is streamed. Fails when it cannot be read. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

/**
 * Whether the file has this SHA-256 (lower-case hex). `absent` when there is no file, `wrong` when it has another.
 *
 * Hashing 156 MB costs 0.1 to 0.3 s, which every start would pay. A marker `<path>.verified` therefore keeps what
 * was hashed with size, inode, mtime and ctime, and the hash is taken again as soon as one of them differs. Unlike
 * mtime, ctime moves on every write and cannot be set back, so an ordinary change is always seen; who can forge the
 * marker can write this user's files anyway.
 */
export async function verifyFile(path: string, sha256: string): Promise<'verified' | 'wrong' | 'absent'> {
  const identity = await identityOf(path)
  if (identity === undefined) return 'absent'
  const expected = `${sha256} ${identity}\n`
  const marker = `${path}.verified`
  if ((await readFile(marker, 'utf8').catch(() => undefined)) === expected) return 'verified'
  if ((await sha256OfFile(path)) !== sha256) {
    await rm(marker, { force: true })
    return 'wrong'
  }
  // A cache that cannot be written is still a cache: the next start hashes again.
  await writeFile(marker, expected).catch(() => undefined)
  return 'verified'
}

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const file = await stat(path, { bigint: true })
    if (!file.isFile()) return undefined
    return `${file.size} ${file.ino} ${file.mtimeNs} ${file.ctimeNs}`
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
