import { mkdir, open, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { postgresBinaries } from './postgres-binaries.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { reachableBinaries } from './postgres-copy.ts'
import type { Progress } from './progress.ts'
import { openTheWay, unprivilegedUser } from './run-as.ts'
import type { RunAs } from './run-as.ts'
import { StackError } from './stack-error.ts'

/** PostgreSQL's files, by names that work for the user it runs as. */
export interface PostgresPlace {
  binaries: PostgresBinaries
  /** The directory that holds the data directory and its password file. */
  folder: string
  /** Undefined: the one that we run as. */
  user: RunAs | undefined
}

/**
 * Runs `work` with the place where PostgreSQL can run; the folder of `dataDir` is made when absent.
 *
 * As root it runs as another user, who may not enter a directory such as root's home. The executables are then copied
 * to where that user can read them. The data stays where it is: its folder is opened by us and inherited, and the name
 * `/proc/self/fd/3` leads from that descriptor on, past the closed directories above it. No right is granted to
 * anybody, no capability is needed, and the directories stay as closed as they were.
 *
 * Fails with `postgres_failed` where that name does not exist (macOS), when the executables cannot be copied, or when
 * this machine has no such user.
 */
export async function withPlace<T>(
  dataDir: string,
  progress: Progress,
  work: (place: PostgresPlace) => Promise<T>,
): Promise<T> {
  const installed = await postgresBinaries()
  const user = await unprivilegedUser()
  await mkdir(dirname(dataDir), { recursive: true })
  if (user === undefined) return await work({ binaries: installed, folder: dirname(dataDir), user })

  const binaries = await reachableBinaries(installed, user, progress)
  // A symbolic link may lead into a closed directory, or out of one.
  const folder = await realpath(dirname(dataDir))
  const closed = await openTheWay(user, join(folder, basename(dataDir)))
  if (closed === undefined) return await work({ binaries, folder, user })
  if (process.platform !== 'linux') {
    throw new StackError(
      'postgres_failed',
      `PostgreSQL refuses to run as root, and user ${user.uid} may not pass through \`${closed}\`.`,
      'Run as an ordinary user, choose a state directory elsewhere, or set DATABASE_URL.',
    )
  }
  const handle = await open(folder, 'r')
  try {
    return await work({ binaries, folder: '/proc/self/fd/3', user: { ...user, inherit: handle.fd } })
  } finally {
    await handle.close()
  }
}
