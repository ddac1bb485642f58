import { readFile } from 'node:fs/promises'
import { errnoOf } from './errno.ts'
import { runCommand } from './run-command.ts'

/** Whether a process with this id exists (it may be another user's, and it may have got the id of a dead one). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) === 'EPERM'
  }
}

/**
 * The command line of a process, so that a reused process id is not taken for the server that once had it; undefined
 * when the process is gone or the system does not tell (Windows).
 */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const raw = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return raw.replaceAll('\0', ' ').trim() || undefined
  }
  if (process.platform === 'win32') return undefined
  const ps = ['-o', 'command=', '-p', String(pid)]
  const line = await runCommand('ps', ps, { env: process.env, timeoutMs: 5000 }).catch(() => '')
  return line.trim() || undefined
}
