import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import lockfile from 'proper-lockfile'
import { errnoOf } from './errno.ts'
import { slow } from './progress.ts'
import type { Progress } from './progress.ts'
import { StackError } from './stack-error.ts'

/** A holder that was killed is given up on after this long without a sign of life. */
const STALE_MS = 10_000
const POLL_MS = 100

/** What a lock is for and how long to wait for it. */
export interface LockOptions {
  /** What the other process does meanwhile, for people: "another process installs temporal 1.9.1". */
  waitingFor: string
  progress: Progress
  /** Milliseconds; default five minutes. */
  waitMs?: number
}

/**
 * Runs `work` while this process alone holds `path` (a lock directory `<path>.lock` appears beside it; the folder is
 * made when absent). Waits for another holder and says so. Fails with `stack_locked` when the wait is over, and as
 * `work` fails; the lock is given back either way, and by the library when the process exits.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  const release = await slow(acquire(path, options), options.waitingFor, options.progress)
  try {
    return await work()
  } finally {
    // A lock that was lost while the machine slept has nothing left to release.
    await release().catch(() => undefined)
  }
}

async function acquire(path: string, options: LockOptions): Promise<() => Promise<void>> {
  const deadline = Date.now() + (options.waitMs ?? 300_000)
  for (;;) {
    try {
      return await lockfile.lock(path, {
        realpath: false,
        stale: STALE_MS,
        // The default throws from a timer and would end the caller's process.
        onCompromised: () => options.progress(`the lock ${path}.lock was taken by another process`),
      })
    } catch (error) {
      if (errnoOf(error) !== 'ELOCKED') throw error
      if (Date.now() > deadline) {
        throw new StackError(
          'stack_locked',
          `Gave up waiting for \`${path}.lock\`: ${options.waitingFor}.`,
          'End the other process, or remove that directory when there is none.',
          { cause: error },
        )
      }
    }
    await delay(POLL_MS)
  }
}
