import { chmod, chown, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, relative } from 'node:path'
import { StackError } from './stack-error.ts'

/** A user by number, and what its processes get from us. */
export interface RunAs {
  uid: number
  gid: number
  /** An open descriptor of ours that they get as their descriptor 3. */
  inherit?: number
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

/** The nearest directory above `path` that the user may not pass through; undefined when the way is open. */
export async function closedAbove(user: RunAs, path: string): Promise<string | undefined> {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const { mode, bit } = await passBit(user, folder)
    if ((mode & bit) === 0) return folder
  }
  return undefined
}

/**
 * Lets the user reach `dataDir`, whose folder exists. The directory that holds it, and directories under the system's
 * temporary one, may be passed through by others from now on (`o+x`: no listing, no reading). Returns the nearest
 * other closed directory above it, which is left alone; undefined when the way is open.
 */
export async function openTheWay(user: RunAs, dataDir: string): Promise<string | undefined> {
  const parent = dirname(dataDir)
  for (let folder = parent; folder !== dirname(folder); folder = dirname(folder)) {
    const { mode, bit } = await passBit(user, folder)
    if ((mode & bit) !== 0) continue
    if (folder !== parent && !isTemporary(folder)) return folder
    await chmod(folder, mode | bit)
  }
  return undefined
}

/** The permissions of a directory, and the one of them that decides whether the user may pass through. */
async function passBit(user: RunAs, folder: string): Promise<{ mode: number; bit: number }> {
  const { mode, uid, gid } = await stat(folder)
  return { mode: mode & 0o7777, bit: uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001 }
}

function isTemporary(folder: string): boolean {
  const below = relative(tmpdir(), folder)
  return below !== '' && !below.startsWith('..')
}
