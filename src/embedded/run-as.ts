import { chmod, chown, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, relative } from 'node:path'
import { StackError } from './stack-error.ts'

/** A user by number. */
export interface RunAs {
  uid: number
  gid: number
}

const CANDIDATES = ['postgres', '_postgres', 'nobody']

/**
 * PostgreSQL refuses to run as root. Undefined when we are not root; else the first of the users `postgres`,
 * `_postgres` and `nobody` that this machine has: no user is ever created. Fails with `postgres_failed` when there
 * is none.
 */
export async function unprivilegedUser(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const users = passwd.split('\n').map((line) => line.split(':'))
  for (const candidate of CANDIDATES) {
    const user = users.find(([name]) => name === candidate)
    if (user !== undefined) return { uid: Number(user[2]), gid: Number(user[3]) }
  }
  throw new StackError(
    'postgres_failed',
    'PostgreSQL refuses to run as root, and this machine has no user to run it as.',
    'Run as an ordinary user, add a user `postgres`, or set DATABASE_URL.',
  )
}

/** Gives the file or directory to the user; does nothing when there is none to give it to. */
export async function giveTo(user: RunAs | undefined, path: string): Promise<void> {
  if (user !== undefined) await chown(path, user.uid, user.gid)
}

/**
 * Lets the user reach `dataDir`. The directory that holds it, and directories under the system's temporary one, may
 * be passed through by others from now on (`o+x`: no listing, no reading); any other closed directory above it is
 * left alone and fails with `postgres_failed`. Does nothing when there is no user.
 */
export async function openTheWay(user: RunAs | undefined, dataDir: string): Promise<void> {
  if (user === undefined) return
  const parent = dirname(dataDir)
  for (let folder = parent; folder !== dirname(folder); folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) !== 0) continue
    if (folder !== parent && !isTemporary(folder)) {
      throw new StackError(
        'postgres_failed',
        `PostgreSQL refuses to run as root, and user ${user.uid} may not pass through \`${folder}\`.`,
        `Run as an ordinary user, choose a state directory elsewhere, or set DATABASE_URL.`,
      )
    }
    await chmod(folder, (mode & 0o7777) | bit)
  }
}

function isTemporary(folder: string): boolean {
  const below = relative(tmpdir(), folder)
  return below !== '' && !below.startsWith('..')
}
