/** Where messages for people go: one line each, without a line break. Never data, never a password. */
export type Progress = (message: string) => void

/** Writes each message as a line on stderr, so that stdout stays data. */
export function progressOnStderr(message: string): void {
  process.stderr.write(`${message}\n`)
}

const REPEAT_MS = 3000

/**
 * Waits for `work` and speaks only when that really takes longer than `afterMs` (default 1000), then every three
 * seconds with the time that has passed, so that nobody looks at a silent terminal. Fails as `work` fails.
 */
export async function slow<T>(work: Promise<T>, message: string, progress: Progress, afterMs = 1000): Promise<T> {
  const startedAt = Date.now()
  let repeat: NodeJS.Timeout | undefined
  const first = setTimeout(() => {
    progress(`${message} …`)
    repeat = setInterval(() => {
      progress(`${message} … (${Math.round((Date.now() - startedAt) / 1000)} s)`)
    }, REPEAT_MS)
  }, afterMs)
  try {
    return await work
  } finally {
    clearTimeout(first)
    clearInterval(repeat)
  }
}
