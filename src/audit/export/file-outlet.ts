import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { errorCodes } from '../../contract/error-code.ts'
import type { OutboxEvent } from '../../ledger/outbox.ts'
import type { FileSink } from './config.ts'
import type { Delivered, Outlet } from './delivery.ts'

const NEWLINE = 0x0a

/**
 * Appends events to a file, one line each, and has the disk keep them before they count as sent. Whoever died in the middle of
 * a line left a torn one: it is cut off, and comes again.
 */
export class FileOutlet implements Outlet {
  readonly most = 500
  readonly mostBytes = 4_194_304
  readonly #sink: FileSink

  constructor(sink: FileSink) {
    this.#sink = sink
  }

  async deliver(events: readonly OutboxEvent[]): Promise<Delivered> {
    const { path, form, rotateBytes } = this.#sink
    try {
      const folder = dirname(path)
      await mkdir(folder, { recursive: true })
      let size = await this.#append(events.map((event) => `${event[form]}\n`).join(''))
      if (size >= rotateBytes) {
        await rename(path, await putAside(path))
        size = 0
      }
      await synced(folder)
      return { came: 'sent' }
    } catch (error) {
      return { came: 'again', why: errorCodes(error) }
    }
  }

  /** Answers how large the file is then. */
  async #append(lines: string): Promise<number> {
    const file = await open(this.#sink.path, 'a+', 0o640)
    try {
      await cutTorn(file)
      await file.appendFile(lines, 'utf8')
      await file.sync()
      return (await file.stat()).size
    } finally {
      await file.close()
    }
  }
}

/** Cuts off what stands behind the last end of a line. */
async function cutTorn(file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  const block = Buffer.alloc(65_536)
  for (let end = size; end > 0;) {
    const from = Math.max(0, end - block.length)
    const { bytesRead } = await file.read(block, 0, end - from, from)
    const last = block.subarray(0, bytesRead).lastIndexOf(NEWLINE)
    if (last >= 0) {
      if (from + last + 1 < size) await file.truncate(from + last + 1)
      return
    }
    end = from
  }
  if (size > 0) await file.truncate(0)
}

/** `audit.jsonl` → `audit.2026-11-27T10-20-30-123Z.jsonl`. */
async function putAside(path: string): Promise<string> {
  const extension = extname(path)
  const at = new Date().toISOString().replaceAll(/[:.]/g, '-')
  for (let more = 0; ; more += 1) {
    const name = `${basename(path, extension)}.${at}${more === 0 ? '' : `-${more}`}${extension}`
    const aside = join(dirname(path), name)
    try {
      // Made here, so that a second one in the same instant does not take its name.
      await (await open(aside, 'wx', 0o640)).close()
      return aside
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** Has the disk keep what a folder lists. */
async function synced(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
