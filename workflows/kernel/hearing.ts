import { CancellationScope } from '@temporalio/workflow'
import type { HearCall, Heard } from '../../src/contract/calls.ts'
import type { RunKey } from '../../src/contract/evidence.ts'
import type { Json } from '../../src/contract/json.ts'
import { WIRE } from '../../src/contract/wire.ts'
import { SUMMARIES } from '../../src/contract/summaries.ts'
import { type Dispatcher, hostOptions } from './dispatch.ts'

/** What came with a message to prove who says it. */
export interface Proof {
  readonly statement?: Json | undefined
  readonly by?: string | undefined
}

/** Has a host verify who says something to the run. The kernel itself has no keys, and believes no name. */
export class Hearing {
  readonly #dispatcher: Dispatcher
  readonly #runKey: RunKey
  readonly #workspace: string | null
  readonly #used = new Set<string>()
  /** Whether the policy of the run takes a name without a statement. A host that is not for development refuses it all the same. */
  takesUnsigned = false

  /** `workspace`: as the start message says it; a host goes by it only as long as the run is not opened. */
  constructor(dispatcher: Dispatcher, runKey: RunKey, workspace: string | null) {
    this.#dispatcher = dispatcher
    this.#runKey = runKey
    this.#workspace = workspace
  }

  /** The nonces of the statements that were heard, in all executions of the run. */
  get used(): readonly string[] {
    return [...this.#used]
  }

  restore(used: readonly string[]): void {
    for (const nonce of used) this.#used.add(nonce)
  }

  /**
   * Who says it. A host uses a statement for one run; within the run it is the kernel that hears each once, whatever comes of it, since a
   * workflow task that is tried again asks the host again.
   */
  async hear(about: HearCall['about'], { statement, by }: Proof): Promise<Heard> {
    if (statement === undefined && !this.takesUnsigned) {
      const message =
        "it came without a statement of who says it; `countersign` sends one, and so does a gateway's client"
      return { refused: { code: 'statement_missing', message, by: null } }
    }
    const call: HearCall = {
      runKey: this.#runKey,
      workspace: this.#workspace,
      about,
      statement: statement ?? null,
      by: by ?? null,
    }
    // What was said counts, whatever becomes of the run meanwhile.
    const heard = await CancellationScope.nonCancellable(() =>
      this.#dispatcher.local<Heard>(WIRE.activities.hear, call, hostOptions(SUMMARIES.hear)),
    )
    if ('refused' in heard) return heard
    const { nonce } = heard.statement
    if (this.#used.has(nonce)) {
      return { refused: { code: 'statement_used', message: 'the statement was heard already', by: heard.by } }
    }
    this.#used.add(nonce)
    return heard
  }
}
