import { createHash } from 'node:crypto'
import { chmod, cp, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { withLock } from './lock.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import type { Progress } from './progress.ts'
import { closedAbove } from './run-as.ts'
import type { RunAs } from './run-as.ts'
import { runCommand } from './run-command.ts'
import { reasonOf, StackError } from './stack-error.ts'
import { sha256OfFile } from './verified-file.ts'

/** Every user may enter it and only root may write there, unlike the system's temporary directory. */
const CACHE = '/var/cache/countersign'
const CHMOD_TIMEOUT_MS = 30_000

/**
 * Executables that the user can start: the installed ones, or, when a directory above them is closed to the user, a
 * copy of the whole installation (60 MB) in `cache`. The copy is made once for all checkouts with the same
 * installation, is said through `progress`, and is made again when a file of it is missing or has another size.
 * Fails with `postgres_failed` when it cannot be made.
 */
export async function reachableBinaries(
  installed: PostgresBinaries,
  user: RunAs,
  progress: Progress,
  cache = CACHE,
): Promise<PostgresBinaries> {
  const closed = await closedAbove(user, installed.postgres)
  if (closed === undefined) return installed
  const native = dirname(dirname(installed.postgres))
  try {
    const wanted = await fingerprint(native)
    const copy = join(cache, `postgresql-${wanted}`)
    await mkdir(cache, { recursive: true })
    await chmod(cache, 0o755)
    await withLock(copy, { waitingFor: `waiting: another process makes ${copy}`, progress }, async () => {
      const found = await fingerprint(copy).catch(() => undefined)
      if (found === wanted) return
      progress(`copying PostgreSQL to ${copy}: root cannot run it, and user ${user.uid} may not enter ${closed}`)
      await copyForAll(native, copy)
    })
    const inCopy = (path: string): string => join(copy, relative(native, path))
    return { postgres: inCopy(installed.postgres), initdb: inCopy(installed.initdb) }
  } catch (error) {
    if (error instanceof StackError) throw error
    throw new StackError(
      'postgres_failed',
      `PostgreSQL refuses to run as root, user ${user.uid} may not pass through \`${closed}\`, ` +
        `and no copy could be made in \`${cache}\`: ${reasonOf(error)}`,
      'Run as an ordinary user, install where others may pass through, or set DATABASE_URL.',
      { cause: error },
    )
  }
}

/** Appears under its name in one rename, when complete. The caller holds the lock. */
async function copyForAll(native: string, copy: string): Promise<void> {
  const unfinished = `${copy}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await cp(native, unfinished, { recursive: true, verbatimSymlinks: true })
  // Under a strict umask the installed files are root's alone, and so would be their copies.
  await runCommand('chmod', ['-R', 'a+rX', unfinished], { env: process.env, timeoutMs: CHMOD_TIMEOUT_MS })
  await rm(copy, { recursive: true, force: true })
  await rename(unfinished, copy)
}

/** Of the bytes of the server, which name its version, and of the names and sizes of all other files. */
async function fingerprint(native: string): Promise<string> {
  const entries = await readdir(native, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
  const lines = await Promise.all(files.map(async (file) => `${relative(native, file)} ${(await lstat(file)).size}`))
  const server = await sha256OfFile(join(native, 'bin', 'postgres'))
  return createHash('sha256')
    .update([server, ...lines.toSorted()].join('\n'))
    .digest('hex')
    .slice(0, 16)
}
