import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { dieWithUs } from './die-with-us.ts'
import type { StopSignal } from './die-with-us.ts'

/** What to start. */
export interface ServerCommand {
  executable: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  stopSignal: StopSignal
  /** Everything the server writes is appended here; default: only the last lines are kept, in memory. */
  logFile?: string
  /** Default: this process's own. */
  cwd?: string
  /** Run as another user (POSIX, root only). */
  uid?: number
  gid?: number
  /** An open descriptor of ours that the server gets as its descriptor 3. */
  inherit?: number
}

/** A server that we started and that dies with us. */
export interface ServerProcess {
  pid: number
  /** Settles when the process has ended: its exit code or signal. Never rejects. */
  exited: Promise<string>
  /** Whether it has ended. */
  hasExited(): boolean
  /** What it wrote, stdout and stderr together, the last 32,000 characters. */
  output(): string
  /** Asks it to stop, kills it after five seconds, and waits until it has ended. Safe to call twice. */
  stop: () => Promise<void>
}

const KEEP_CHARACTERS = 32_000
const KILL_AFTER_MS = 5000

/**
 * Starts a server in a process group of its own (Ctrl-C in the terminal reaches the caller only, who drains first and
 * stops it then). Fails when the executable cannot be started at all.
 */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const { executable, args, env, cwd, uid, gid, inherit } = command
  const child = spawn(executable, args, {
    env,
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    stdio: ['ignore', 'pipe', 'pipe', ...(inherit === undefined ? [] : [inherit])],
    detached: true,
    windowsHide: true,
  })
  const log =
    command.logFile === undefined ? undefined : createWriteStream(command.logFile, { flags: 'a', mode: 0o600 })
  // A full disk must not end the server's owner; the last lines stay in memory.
  log?.on('error', () => undefined)
  let output = ''
  const keep = (chunk: string): void => {
    output = (output + chunk).slice(-KEEP_CHARACTERS)
    log?.write(chunk)
  }
  child.stdout?.setEncoding('utf8').on('data', keep)
  child.stderr?.setEncoding('utf8').on('data', keep)

  let ended: string | undefined
  const exited = new Promise<string>((resolve) => {
    child.on('close', (exitCode, signal) => {
      ended = exitCode === null ? String(signal) : `exit code ${exitCode}`
      log?.end()
      resolve(ended)
    })
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${executable} was started without a process id`)
  const release = dieWithUs(child, command.stopSignal)
  void exited.then(release)

  return {
    pid,
    exited,
    hasExited: () => ended !== undefined,
    output: () => output,
    async stop() {
      if (ended !== undefined) return
      child.kill(command.stopSignal)
      const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
      await exited
      clearTimeout(kill)
    },
  }
}
