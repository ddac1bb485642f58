import { CancellationScope } from '@temporalio/workflow'
import type { HearCall, Heard } from '../../src/contract/calls.ts'
import type { RunKey } from '../../src/contract/evidence.ts'
import type { Json } from '../../src/contract/json.ts'
import { WIRE } from '../../src/contract/wire.ts'
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
  #heard = 0
  /** Whether the policy of the run takes a name without a statement. A host that is not for development refuses it all the same. */
  takesUnsigned = false

  /** `workspace`: as the start message says it; a host goes by it only as long as the run is not opened. */
  constructor(dispatcher: Dispatcher, runKey: RunKey, workspace: string | null) {
    this.#dispatcher = dispatcher
    this.#runKey = runKey
    this.#workspace = workspace
  }

  /** How many messages a host was asked about, in all executions of the run. */
  get heard(): number {
    return this.#heard
  }

  restore(heard: number): void {
    this.#heard = heard
  }

  async hear(about: HearCall['about'], { statement, by }: Proof): Promise<Heard> {
    if (statement === undefined && !this.takesUnsigned) {
      const message = 'it came without a statement of who says it; `countersign` sends one, and so does a gateway\'s client'
      return { refused: { code: 'statement_missing', message, by: null } }
    }
    const call: HearCall = {
      runKey: this.#runKey,
      workspace: this.#workspace,
      about,
      statement: statement ?? null,
      by: by ?? null,
      message: ++this.#heard,
    }
    // What was said counts, whatever becomes of the run meanwhile.
    return await CancellationScope.nonCancellable(() =>
      this.#dispatcher.local<Heard>(WIRE.activities.hear, call, hostOptions('verify who says it')),
    )
  }
}
