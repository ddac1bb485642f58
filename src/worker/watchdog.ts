import { Session } from 'node:inspector'
import type { Worker as Thread } from 'node:worker_threads'
import type { Logger } from '@temporalio/worker'

/** How many times within the limit a thread is looked at. */
const LOOKS = 10

const RUN_ID_BYTES = 256
/** What a debugger may take to answer. */
const ANSWER_MS = 10_000

/**
 * What a workflow thread is at, in memory that it shares with the main thread: a number, then the id of the run; and the same of what was ended
 * by force last, which is what began and never ended by the time that something else begins.
 */
export class Activity {
  readonly memory: SharedArrayBuffer
  /** What is under way, and what was ended by force last. */
  readonly #serials: Int32Array
  readonly #runId: Buffer
  readonly #endedRunId: Buffer
  #last = 0

  constructor(memory = new SharedArrayBuffer(2 * (Int32Array.BYTES_PER_ELEMENT + RUN_ID_BYTES))) {
    this.memory = memory
    this.#serials = new Int32Array(memory, 0, 2)
    const texts = this.#serials.byteLength
    this.#runId = Buffer.from(memory, texts, RUN_ID_BYTES)
    this.#endedRunId = Buffer.from(memory, texts + RUN_ID_BYTES, RUN_ID_BYTES)
  }

  /** An activation of that run begins. */
  begin(runId: string): void {
    const before = this.serial
    if (before !== 0) {
      this.#runId.copy(this.#endedRunId)
      Atomics.store(this.#serials, 1, before)
    }
    this.#runId.fill(0)
    this.#runId.write(runId)
    // Never 0, and another one each time.
    this.#last = (this.#last % 0x7fff_ffff) + 1
    Atomics.store(this.#serials, 0, this.#last)
  }

  /** Not called of what is ended by force: nothing more of it runs. */
  end(): void {
    Atomics.store(this.#serials, 0, 0)
  }

  /** The number of the activation under way; 0: none is. */
  get serial(): number {
    return Atomics.load(this.#serials, 0)
  }

  get runId(): string {
    return textIn(this.#runId)
  }

  /** What was ended by force last, once something else has begun; 0: nothing. */
  get ended(): { readonly serial: number; readonly runId: string } {
    return { serial: Atomics.load(this.#serials, 1), runId: textIn(this.#endedRunId) }
  }

  /** Whether that activation was under way until now; from now on it is not. */
  over(serial: number): boolean {
    return Atomics.compareExchange(this.#serials, 0, serial, 0) === serial
  }
}

const textIn = (memory: Buffer): string => memory.toString('utf8', 0, memory.indexOf(0))

/** Ends an activation that keeps its thread busy for longer than the limit, as the SDK's own watchdog would. */
export class Watchdog {
  readonly #thread: Thread
  readonly #activity: Activity
  readonly #limitMs: number
  readonly #logger: Logger
  readonly #waiting = new Map<string, (error: Error) => void>()
  readonly #timer: NodeJS.Timeout
  #seen = { serial: 0, times: 0 }
  #lastEnded = 0
  #isEnding = false

  /** `limitMs`: what an activation may take. It may take a tenth longer before it is seen. */
  constructor(
    thread: Thread,
    activity: Activity,
    { limitMs, logger }: { readonly limitMs: number; readonly logger: Logger },
  ) {
    this.#thread = thread
    this.#activity = activity
    this.#limitMs = limitMs
    this.#logger = logger
    this.#timer = setInterval(() => {
      this.#settleEnded()
      void this.#look()
    }, limitMs / LOOKS).unref()
    thread.once('exit', () => clearInterval(this.#timer))
  }

  /** What the thread answers an activation of a run, its creation or its end with; fails when it takes too long. A run has one at a time. */
  async limit<T>(runId: string, answer: Promise<T>): Promise<T> {
    const tooLong = new Promise<never>((_, reject) => this.#waiting.set(runId, reject))
    try {
      return await Promise.race([answer, tooLong])
    } finally {
      this.#waiting.delete(runId)
    }
  }

  /** Looks are counted, and not the time: a process that was stopped has not worked meanwhile. */
  async #look(): Promise<void> {
    const { serial } = this.#activity
    const times = serial === this.#seen.serial ? this.#seen.times + 1 : 0
    this.#seen = { serial, times }
    if (serial === 0 || times === 0 || times % LOOKS !== 0 || this.#isEnding) return
    const { runId } = this.#activity
    this.#isEnding = true
    try {
      await endExecution(this.#thread)
    } catch (error) {
      // It is tried again after as long.
      this.#logger.error('what keeps a workflow thread busy could not be ended', { runId, error })
      return
    } finally {
      this.#isEnding = false
    }
    // Where something else has begun meanwhile, that tells of it.
    if (this.#activity.over(serial)) this.#fail(runId)
    else this.#settleEnded()
  }

  /** Whatever was ended, the one that was meant or one that began in its place, never answers. */
  #settleEnded(): void {
    const { serial, runId } = this.#activity.ended
    if (serial === this.#lastEnded) return
    this.#lastEnded = serial
    this.#fail(runId)
  }

  #fail(runId: string): void {
    // Where this was found says nothing of the playbook.
    const stack = `Script execution timed out after ${this.#limitMs}ms`
    this.#waiting.get(runId)?.(Object.assign(new Error(stack), { stack }))
  }
}

/**
 * Ends what runs in a thread, up to its event loop, uncatchably; the thread goes on. Node offers that to debuggers only
 * (`Runtime.terminateExecution` of the inspector protocol), so one is attached for as long as it takes.
 */
async function endExecution(thread: Thread): Promise<void> {
  const { threadId } = thread
  const session = new Session()
  session.connect()
  try {
    await new Promise<void>((resolve, reject) => {
      const giveUp = setTimeout(() => reject(new Error('the debugger did not answer')), ANSWER_MS).unref()
      session.on('NodeWorker.receivedMessageFromWorker', ({ params: { message } }) => {
        clearTimeout(giveUp)
        const { error } = JSON.parse(message) as { readonly error?: { readonly message?: string } }
        if (error === undefined) resolve()
        else reject(new Error(error.message ?? 'the debugger refused'))
      })
      session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }) => {
        if (!workerInfo.title.startsWith(`[worker ${threadId}]`)) return
        const message = JSON.stringify({ id: 1, method: 'Runtime.terminateExecution' })
        session.post('NodeWorker.sendMessageToWorker', { sessionId, message }, (error) => error && reject(error))
      })
      session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, (error) => error && reject(error))
    })
  } finally {
    session.disconnect()
  }
}
