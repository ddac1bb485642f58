import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { commandOf, isAlive } from './processes.ts'
import { isListening } from './ports.ts'
import { StackError } from './stack-error.ts'

/** Time for a server whose owner was just killed to finish its own shutdown. */
const LEAVE_MS = 3000
const POLL_MS = 50

/**
 * Returns once no server uses this data directory. A `postmaster.pid` whose process is dead, or is by now some other
 * program that got its id, is removed (PostgreSQL itself refuses to start over the second kind). Fails with
 * `postgres_busy`, naming process and port, when a live server stays.
 */
export async function untilDataDirIsFree(dataDir: string): Promise<void> {
  const deadline = Date.now() + LEAVE_MS
  for (;;) {
    const holder = await readHolder(dataDir)
    if (holder === undefined) return
    if (!(await isPostmaster(holder))) {
      await rm(join(dataDir, 'postmaster.pid'), { force: true })
      return
    }
    if (Date.now() > deadline) {
      throw new StackError(
        'postgres_busy',
        `\`${dataDir}\` is in use by PostgreSQL process ${holder.pid} on port ${holder.port}.`,
        `Stop what runs it, or end process ${holder.pid} with SIGINT; never delete its files.`,
      )
    }
    await delay(POLL_MS)
  }
}

interface Holder {
  pid: number
  port: number
}

/** Line 1 of the file is the process id, line 4 the port (PostgreSQL's `miscadmin.h`). */
async function readHolder(dataDir: string): Promise<Holder | undefined> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const lines = text.split('\n')
  return { pid: Number(lines[0]), port: Number(lines[3]) }
}

async function isPostmaster({ pid, port }: Holder): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid || !isAlive(pid)) return false
  const command = await commandOf(pid)
  return command === undefined ? await isListening(port) : command.includes('postgres')
}
