import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll } from 'vitest'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')

/** What a command left behind. */
export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Variables that are not there, though the tests set them. */
  readonly unset?: readonly string[]
  readonly cwd?: string
  readonly stdin?: string
}

const INHERITED = /^(TEMPORAL_|COUNTERSIGN_|DATABASE_URL$|FORCE_COLOR$|XDG_CONFIG_HOME$)/

/** This process's environment without what points a command at servers, keys or models. */
function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !INHERITED.test(name))
  return {
    ...Object.fromEntries(kept),
    // Nobody's Temporal profile gets into a test.
    XDG_CONFIG_HOME: join(tmpdir(), 'countersign-no-config'),
    // Workers of several tests run side by side, and say what they say as to a person.
    COUNTERSIGN_HEALTH_ADDRESS: '127.0.0.1:0',
    COUNTERSIGN_LOG_FORMAT: 'text',
    // What a worker needs in production; test/privacy has keys.
    COUNTERSIGN_PAYLOADS: 'plain',
    ...more,
  }
}

function spawnCli(args: readonly string[], { env, unset = [], cwd = process.cwd() }: RunOptions): ChildProcess {
  const all = Object.entries(environment(env)).filter(([name]) => !unset.includes(name))
  return spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: Object.fromEntries(all),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/** Runs `countersign` as a process of its own, off a terminal. */
export async function countersign(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawnCli(args, options)
  child.stdin?.end(options.stdin ?? '')
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(streamOf(child.stdout)), text(streamOf(child.stderr))])
  const [code] = (await closed) as [number | null]
  return { code: code ?? -1, stdout, stderr }
}

function streamOf<T>(stream: T | null): T {
  if (stream === null) throw new Error('the child has no pipes')
  return stream
}

/** A command in the background. */
export interface Background {
  /** Waits until stderr holds a text; fails with what it said when it ends without. */
  readonly says: (text: string) => Promise<void>
  readonly stderr: () => string
  readonly signal: (signal: NodeJS.Signals) => void
  /** Waits until it has ended. */
  readonly ended: Promise<Ran>
}

/** Starts a command that runs until it is told to stop. */
export function inBackground(args: readonly string[], options: RunOptions = {}): Background {
  const child = spawnCli(args, options)
  let stdout = ''
  let stderr = ''
  streamOf(child.stdout)
    .setEncoding('utf8')
    .on('data', (chunk: string) => (stdout += chunk))
  const errors = streamOf(child.stderr)
    .setEncoding('utf8')
    .on('data', (chunk: string) => (stderr += chunk))
  const ended = once(child, 'close').then(([code]) => ({ code: Number(code ?? -1), stdout, stderr }))
  return {
    ended,
    stderr: () => stderr,
    signal: (signal) => void child.kill(signal),
    says: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stderr.includes(wanted)) resolve()
        }
        errors.on('data', look)
        void ended.then(() => reject(new Error(`it ended without saying \`${wanted}\`:\n${stderr}`)))
        look()
      }),
  }
}

/** A new folder for a test file to run commands in: no project file, no stack. */
export function useFolder(): () => string {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-cli-test-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return () => folder
}
