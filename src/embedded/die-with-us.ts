import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'

/** How a server is asked to stop: PostgreSQL's fast shutdown is SIGINT, the Temporal dev server takes SIGTERM. */
export type StopSignal = 'SIGTERM' | 'SIGINT'

const dying = new Map<ChildProcess, StopSignal>()
let hooked = false

/**
 * Makes a child end when this process does, and returns how to call that off once the child has ended.
 *
 * A normal exit is caught by an exit hook. An exit that runs no hook (SIGKILL, a crash) is caught, on POSIX, by a
 * shell that reads from a pipe of ours: when we are gone, however that came, its read ends and it signals the child.
 * Windows has only the hook.
 */
export function dieWithUs(child: ChildProcess, signal: StopSignal): () => void {
  if (!hooked) {
    hooked = true
    process.on('exit', () => {
      for (const [survivor, stopSignal] of dying) survivor.kill(stopSignal)
    })
  }
  dying.set(child, signal)
  const watchdog = process.platform === 'win32' ? undefined : watch(child.pid, signal)
  return () => {
    dying.delete(child)
    watchdog?.kill('SIGKILL')
  }
}

function watch(pid: number | undefined, signal: StopSignal): ChildProcess | undefined {
  if (pid === undefined) return undefined
  const script = `read -r _; kill -${signal.slice('SIG'.length)} "$1"`
  const watchdog = spawn('/bin/sh', ['-c', script, 'countersign-watchdog', String(pid)], {
    // A session of its own: Ctrl-C in the terminal must not end it before us.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Without a shell the exit hook still holds; the pipe breaks when the watchdog is killed on purpose.
  watchdog.on('error', () => undefined)
  watchdog.stdin.on('error', () => undefined)
  watchdog.unref()
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref()
  return watchdog
}
