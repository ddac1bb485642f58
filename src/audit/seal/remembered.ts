import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Checkpoint, checkpointText } from './checkpoint.ts'
import { EMPTY_ROOT, type Hash, isConsistent, type Tree } from './merkle.ts'

/** What a log is asked to have gone on to. */
export interface Step {
  /** How many leaves whoever asks believes that were seen last. */
  readonly old: number
  readonly proof: readonly Hash[]
  readonly now: Checkpoint
}

/** Why a step is not gone along with. */
export class StepError extends Error {
  override readonly name = 'StepError'
  /** `behind`: another size was seen last, `seen`; `forked`: it is not the same log; `unknown`: another log is kept here. */
  readonly why: 'behind' | 'forked' | 'unknown'
  readonly seen: number

  constructor(why: StepError['why'], message: string, seen: number) {
    super(message)
    this.why = why
    this.seen = seen
  }
}

/**
 * The last tree of a log that somebody signed, kept in a file: nothing is signed that does not go on from it.
 * INVARIANT: it is on disk before a signature leaves.
 */
export class Remembered {
  readonly #file: string
  readonly #origin: string
  #last: Tree
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(file: string, origin: string, last: Tree) {
    this.#file = file
    this.#origin = origin
    this.#last = last
  }

  /** Reads the file; where there is none, nothing was signed yet. Throws `TypeError` where it is of another log, or none of this. */
  static async in(file: string, origin: string): Promise<Remembered> {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) return new Remembered(file, origin, { size: 0, root: EMPTY_ROOT })
    const [its, size, root, end, ...more] = text.split('\n')
    if (its !== origin) throw new TypeError(`\`${file}\` is of the log \`${its ?? ''}\`, not of \`${origin}\``)
    const last = { size: Number(size), root: Buffer.from(root ?? '', 'base64') }
    if (end !== '' || more.length > 0 || checkpointText({ origin, ...last }) !== text) {
      throw new TypeError(`\`${file}\` does not tell what was signed last`)
    }
    return new Remembered(file, origin, last)
  }

  /** What was signed last. */
  get last(): Tree {
    return this.#last
  }

  /** Goes along to another tree, and then does something, one after the other. Throws `StepError`. */
  async goOn<T>(step: Step, then: () => Promise<T>): Promise<T> {
    const before = this.#queue
    const done = (async () => {
      await before.catch(() => undefined)
      await this.#advance(step)
      return await then()
    })()
    this.#queue = done.catch(() => undefined)
    return await done
  }

  async #advance({ old, proof, now }: Step): Promise<void> {
    const last = this.#last
    if (now.origin !== this.#origin)
      throw new StepError('unknown', `the log \`${now.origin}\` is not kept here`, last.size)
    if (old !== last.size)
      throw new StepError('behind', `the last tree that was signed has ${last.size} leaves`, last.size)
    if (!isConsistent(last, now, proof)) {
      const what = `the tree of ${now.size} leaves does not go on from the last one that was signed, of ${last.size}`
      throw new StepError('forked', what, last.size)
    }
    if (now.size === last.size) return
    await writeDurably(this.#file, checkpointText(now))
    this.#last = { size: now.size, root: now.root }
  }
}

/** A reader sees the old file or the new one, also after the machine lost power. */
async function writeDurably(file: string, text: string): Promise<void> {
  const written = await open(`${file}.new`, 'w', 0o600)
  try {
    await written.writeFile(text)
    await written.sync()
  } finally {
    await written.close()
  }
  await rename(`${file}.new`, file)
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
