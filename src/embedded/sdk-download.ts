import { mkdir, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BinaryPin } from './pins.ts'
import { runCommand } from './run-command.ts'

const require = createRequire(import.meta.url)

const DOWNLOAD_TIMEOUT_MS = 180_000

/**
 * Started in a process of its own: the SDK downloads only by starting the server, and starting it here would create
 * this process's one Temporal runtime, after which a worker could no longer install its own.
 */
const DOWNLOAD_SCRIPT = `
const [testing, start, downloadDir] = process.argv.slice(1);
const { default: { TestWorkflowEnvironment } } = await import(testing);
try {
  const executable = { type: 'cached-download', downloadDir };
  const environment = await TestWorkflowEnvironment[start]({ server: { executable } });
  await environment.teardown();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}`

/**
 * The executable that the Temporal SDK downloads by itself, kept in `sdk` beside our own; an earlier download is
 * taken as it is. The SDK picks the version that fits it; its bytes are not pinned by us, only proven to start.
 * Fails with the SDK's own reason, at once when there is no internet.
 */
export async function sdkDownload(pin: BinaryPin, cacheDir: string, env: NodeJS.ProcessEnv): Promise<string> {
  const downloadDir = join(cacheDir, 'sdk')
  const earlier = await downloaded(pin, downloadDir)
  if (earlier !== undefined) return earlier
  await mkdir(downloadDir, { recursive: true })
  const testing = require.resolve('@temporalio/testing')
  const script = ['--input-type=module', '-e', DOWNLOAD_SCRIPT]
  const parameters = [pathToFileURL(testing).href, pin.sdkStart, downloadDir]
  await runCommand(process.execPath, [...script, ...parameters], {
    env,
    cwd: dirname(testing),
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  })
  const path = await downloaded(pin, downloadDir)
  if (path === undefined) throw new Error(`the SDK reported success but left no file there`)
  return path
}

async function downloaded(pin: BinaryPin, downloadDir: string): Promise<string | undefined> {
  const files = await readdir(downloadDir).catch(() => [])
  const complete = files.filter((file) => file.startsWith(pin.sdkFilePrefix) && !file.endsWith('.downloading'))
  const newest = complete.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
  return newest === undefined ? undefined : join(downloadDir, newest)
}
