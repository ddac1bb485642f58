import { createHash, randomUUID } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { bundlePlaybooks, type PlaybookBundle } from '../../src/worker/bundle.ts'
import { readPlaybooks } from '../../src/worker/registry.ts'

/** A bundle as one test file leaves it to the next. */
interface Kept extends Pick<PlaybookBundle, 'bundle' | 'buildId'> {
  /** Each file that went in, and the digest of its content. */
  readonly files: readonly (readonly [path: string, digest: string])[]
}

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex')
const digestOf = async (path: string): Promise<string> => sha256(await readFile(path))

/** What an earlier test file of this run kept, as long as every file that went in is what it was. */
async function keptAt(place: string): Promise<Kept | undefined> {
  try {
    const kept = JSON.parse(await readFile(place, 'utf8')) as Kept
    const same = await Promise.all(kept.files.map(async ([path, digest]) => (await digestOf(path)) === digest))
    return same.every(Boolean) ? kept : undefined
  } catch (error) {
    // Nothing is kept, or a file that went in is gone.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Two test files may bundle the same at once: each leaves a whole file, and either will do. */
async function keep(place: string, kept: Kept): Promise<void> {
  const unfinished = `${place}.${randomUUID()}`
  await writeFile(unfinished, JSON.stringify(kept))
  await rename(unfinished, place)
}

/**
 * What `bundlePlaybooks` makes of a workflows file, bundled once for all test files that ask for it. Tests of the bundling
 * itself call `bundlePlaybooks`.
 */
export async function bundleOf(workflows: string): Promise<PlaybookBundle> {
  const place = join(inject('bundles'), `${sha256(workflows)}.json`)
  const kept = await keptAt(place)
  if (kept !== undefined) return { ...kept, playbooks: await readPlaybooks(workflows) }
  const made = await bundlePlaybooks(workflows)
  const { bundle, buildId } = made
  const files = await Promise.all([...made.files].map(async (path) => [path, await digestOf(path)] as const))
  await keep(place, { bundle, buildId, files })
  return made
}
