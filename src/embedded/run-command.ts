import { spawn } from 'node:child_process'

/** How to run a command. */
export interface RunOptions {
  env: NodeJS.ProcessEnv
  /** Milliseconds after which the command is killed and the call fails. */
  timeoutMs: number
  /** Default: this process's own. */
  cwd?: string
  /** Run as another user (POSIX, root only). */
  uid?: number
  gid?: number
  /** An open descriptor of ours that the command gets as its descriptor 3. */
  inherit?: number
}

const KEEP_CHARACTERS = 4000

/**
 * Runs a command to its end without a shell and returns what it wrote (stdout and stderr together, the last 4,000
 * characters). Fails when it cannot be started, takes longer than the limit or exits with anything but 0; the error
 * then ends with the last line that the command wrote.
 */
export async function runCommand(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { timeoutMs, inherit, ...spawnOptions } = options
  return await new Promise<string>((resolve, reject) => {
    const child = spawn(command, args, {
      ...spawnOptions,
      stdio: ['ignore', 'pipe', 'pipe', ...(inherit === undefined ? [] : [inherit])],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    let output = ''
    const keep = (chunk: string): void => {
      output = (output + chunk).slice(-KEEP_CHARACTERS)
    }
    child.stdout?.setEncoding('utf8').on('data', keep)
    child.stderr?.setEncoding('utf8').on('data', keep)
    child.on('error', reject)
    child.on('close', (exitCode, signal) => {
      if (exitCode === 0) {
        resolve(output)
        return
      }
      const how = signal === 'SIGKILL' ? `was ended after ${timeoutMs} ms` : `exited with ${exitCode ?? signal}`
      const lastLine = output.trim().split('\n').at(-1) ?? ''
      reject(new Error(`\`${command}\` ${how}${lastLine === '' ? '' : `: ${lastLine.trim()}`}`))
    })
  })
}
