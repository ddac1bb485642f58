import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BlobStore, StoreError } from './store.ts'

/** Keeps blobs in a folder. What is there was on the disk, whole, before it got its name. */
export function folderStore(folder: string): BlobStore {
  return {
    url: pathToFileURL(folder).href,
    async put(name, bytes) {
      const path = join(folder, name)
      try {
        await mkdir(dirname(path), { recursive: true })
        return await writeOnce(path, bytes)
      } catch (error) {
        throw new StoreError(`the folder cannot be written: ${reasonOf(error)}`, { cause: error })
      }
    },
    async get(name) {
      try {
        return await readFile(join(folder, name))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw new StoreError(`the folder cannot be read: ${reasonOf(error)}`, { cause: error })
      }
    },
  }
}

async function writeOnce(path: string, bytes: Uint8Array): Promise<'written' | 'there'> {
  const fresh = `${path}.${randomUUID()}.new`
  try {
    await synced(fresh, bytes)
    // Unlike a rename, it replaces nothing.
    await link(fresh, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'there'
    throw error
  } finally {
    await rm(fresh, { force: true })
  }
  for (const folder of [dirname(path), dirname(dirname(path))]) await synced(folder)
  return 'written'
}

/** Writes a file, and waits until it is on the disk; without bytes, for the names in a folder. */
async function synced(path: string, bytes?: Uint8Array): Promise<void> {
  const file = await open(path, bytes === undefined ? 'r' : 'wx')
  try {
    if (bytes !== undefined) await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

const reasonOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)
