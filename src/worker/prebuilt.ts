import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { z } from 'zod'
import { firstIssue } from '../contract/issue.ts'
import { KERNEL_VERSION } from '../contract/wire.ts'
import { buildIdOf, bundlePlaybooks, type FreshBundle, type PlaybookBundle } from './bundle.ts'
import { readPlaybooks } from './registry.ts'

/** The code in the folder of a bundle. */
export const BUNDLE_CODE = 'playbooks.js'
const MANIFEST = 'playbooks.json'
/** Differences that a message names, at most. */
const NAMED = 5

/** A bundle that was built elsewhere or earlier and is not the one of this project, as it is here now. */
export class BundleError extends Error {
  override readonly name = 'BundleError'
}

const manifestSchema = z.strictObject({
  v: z.literal(1),
  buildId: z.string(),
  kernelVersion: z.string(),
  /** Of `@temporalio/worker`: it runs only what its own bundler made. */
  sdkVersion: z.string(),
  playbooks: z.array(z.string()),
  /** Each file that went into the bundle, from the folder of the workflows file, with the SHA-256 of its bytes (hex). */
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
})

type Manifest = z.output<typeof manifestSchema>

const sdkVersion = (): string =>
  (createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string }).version

/** What `writeBundle` wrote. */
export interface WrittenBundle {
  readonly buildId: string
  readonly playbooks: readonly string[]
  /** How many files went into it. */
  readonly files: number
  readonly bytes: number
}

/**
 * Builds the bundle of a workflows file into a folder: `playbooks.js`, the code for the sandbox, and `playbooks.json`,
 * what it was made of. The same code gives the same two files. Fails as `bundlePlaybooks` does, and writes nothing then.
 */
export async function writeBundle(workflowsPath: string, folder: string): Promise<WrittenBundle> {
  const fresh = await bundlePlaybooks(workflowsPath)
  const manifest = await manifestOf(fresh, workflowsPath)
  await mkdir(folder, { recursive: true })
  // The manifest last: a folder with half a build in it is refused.
  await replace(join(folder, BUNDLE_CODE), fresh.bundle.code)
  await replace(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`)
  const bytes = Buffer.byteLength(fresh.bundle.code)
  return { buildId: fresh.buildId, playbooks: manifest.playbooks, files: fresh.files.size, bytes }
}

/** A reader sees the old file or the new one. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

async function manifestOf({ buildId, playbooks, files }: FreshBundle, workflowsPath: string): Promise<Manifest> {
  const home = dirname(workflowsPath)
  const hashed = [...files].map(async (file) => {
    const hash = await hashOf(file)
    if (hash === undefined) throw new BundleError(`\`${file}\` went away while it was bundled.`)
    return [relative(home, file).split(sep).join('/'), hash] as const
  })
  const entries = (await Promise.all(hashed)).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return {
    v: 1,
    buildId,
    kernelVersion: KERNEL_VERSION,
    sdkVersion: sdkVersion(),
    playbooks: [...playbooks.keys()],
    files: Object.fromEntries(entries),
  }
}

/** The SHA-256 of a file; `undefined` where there is none. */
async function hashOf(file: string): Promise<string | undefined> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return bytes === undefined ? undefined : createHash('sha256').update(bytes).digest('hex')
}

/**
 * Reads a bundle that `writeBundle` wrote, for the workflows file of this project. The host decides by the contracts that
 * it loads itself, so the bundle must have been made of the very same files. Throws `BundleError`, which says what differs:
 * code and build id, kernel, Temporal SDK, or files; fails with `contract_incomplete` as `readPlaybooks` does.
 */
export async function readBundle(folder: string, workflowsPath: string): Promise<PlaybookBundle> {
  const manifest = await readManifest(folder)
  const code = await readText(join(folder, BUNDLE_CODE))
  if (buildIdOf(code) !== manifest.buildId) {
    throw new BundleError(`The code in \`${folder}\` is not that of build ${manifest.buildId}: it was changed since.`)
  }
  if (manifest.kernelVersion !== KERNEL_VERSION) {
    throw new BundleError(
      `The bundle in \`${folder}\` has the kernel ${manifest.kernelVersion}, this worker is of ${KERNEL_VERSION}.`,
    )
  }
  if (manifest.sdkVersion !== sdkVersion()) {
    throw new BundleError(
      `The bundle in \`${folder}\` was made by Temporal's SDK ${manifest.sdkVersion}, this worker has ${sdkVersion()}.`,
    )
  }
  await assertSameFiles(folder, manifest, dirname(workflowsPath))
  const playbooks = await readPlaybooks(workflowsPath)
  const { buildId } = manifest
  return { bundle: { code }, playbooks, buildId }
}

async function assertSameFiles(folder: string, { files }: Manifest, home: string): Promise<void> {
  const compared = Object.entries(files).map(async ([path, hash]) => {
    const here = await hashOf(resolve(home, path))
    if (here === hash) return undefined
    return here === undefined ? `${path} is missing` : `${path} differs`
  })
  const differences = (await Promise.all(compared)).filter((one) => one !== undefined)
  if (differences.length === 0) return
  const more = differences.length > NAMED ? `, and ${differences.length - NAMED} more` : ''
  const named = differences.slice(0, NAMED).join(', ')
  throw new BundleError(`The bundle in \`${folder}\` was made of other files than the worker's: ${named}${more}.`)
}

async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST)
  const text = await readText(path)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new BundleError(`\`${path}\` is not JSON.`)
  }
  const parsed = manifestSchema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new BundleError(`\`${path}\` is not what this version writes: ${firstIssue(parsed.error)}.`)
}

const readText = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new BundleError(`\`${path}\` cannot be read: ${error.code ?? error.message}.`)
  })
