import { randomUUID } from 'node:crypto'
import { digestOfText } from '../../src/contract/digest.ts'
import { codeOf } from '../../src/contract/failures.ts'
import type { DecideMessage, RunHandle, RunResult, RunStatus } from '../../src/client/index.ts'
import type { RunPlan } from './runs.ts'
import { pause } from './servers.ts'
import type { Stage } from './stage.ts'

const REQUESTER = { subject: 'ana@acme.example', workspace: 'acme' }
const APPROVER = 'ben@acme.example'
const OPERATOR = 'olga@acme.example'
const LOOK_EVERY_MS = 150
/** A stuck compensation is tried again so often before it is put right by hand. */
const RETRIES = 4

/** Temporal's code for a history that the code does not replay. */
const isUnreplayable = (error: unknown): boolean => error instanceof Error && error.message.includes('TMPRL1100')

/** A run, what people said about it, and what became of it. */
export class Case {
  readonly id: string
  readonly plan: RunPlan
  readonly #stage: Stage
  readonly #run: RunHandle
  /** Digests of the actions that a person approved. */
  readonly approved = new Set<string>()
  /** Steps that an operator put right by hand. */
  readonly corrected = new Set<string>()
  /** Run ids of all histories of it: a reset makes another one. */
  readonly runIds: string[] = []
  acknowledged = false
  /** It has closed, and its history does not replay: nobody can look at it any more. */
  isUnreadable = false
  result: RunResult | undefined
  /** What was seen of it last, for whoever has to find out why it does not end. */
  seen = 'nothing'
  /** What a run that is no playbook came to. */
  forged: readonly string[] | undefined
  #retries = 0
  #refused = 0
  #undone = false

  constructor(stage: Stage, id: string, plan: RunPlan) {
    this.#stage = stage
    this.id = id
    this.plan = plan
    this.#run = stage.client.run(id)
  }

  get runKey(): string {
    return `${this.id}/${this.runIds[0]}`
  }

  get isSettled(): boolean {
    return this.plan.isForged ? this.forged !== undefined : this.result !== undefined
  }

  /** Has it started, and does what people do until nothing is left to do, or until the deadline. */
  async drive(deadline: number): Promise<void> {
    if (!(await this.#start(deadline))) return
    const cancelAt = this.plan.cancelAfterMs === null ? Infinity : Date.now() + this.plan.cancelAfterMs
    let cancelled = false
    if (this.plan.noise === 'early') await this.#early()
    while (!this.isSettled && Date.now() < deadline) {
      try {
        if (!cancelled && Date.now() >= cancelAt) {
          await this.#call(() => this.#run.cancel())
          cancelled = true
        }
        if (this.plan.isForged) await this.#awaitForged()
        else await this.#look(await this.#call(() => this.#run.status()))
      } catch (error) {
        this.seen = `${String(error)} ${String((error as Error).cause)}`
        // A cancel of a run that has closed is nothing; whatever else goes wrong is tried again until the deadline.
        if (codeOf(error) === 'run_not_found') cancelled = true
        if (isUnreplayable(error)) await this.#readResult()
      }
      if (!this.isSettled) await pause(LOOK_EVERY_MS)
    }
  }

  /** Settles it anew, after something was done to it that may have changed its end. */
  async driveAgain(deadline: number): Promise<void> {
    this.result = undefined
    this.#retries = 0
    this.#undone = false
    await this.drive(deadline)
  }

  #call<T>(call: () => Promise<T>): Promise<T> {
    return this.#stage.within(4_000, call)
  }

  async #start(deadline: number): Promise<boolean> {
    const { playbook, request } = this.plan
    while (!this.acknowledged && Date.now() < deadline) {
      try {
        await this.#call(() =>
          this.#stage.client.start(playbook, request, { principal: REQUESTER, workflowId: this.id }),
        )
        this.acknowledged = true
      } catch (error) {
        if (codeOf(error) === 'run_exists') this.acknowledged = true
        else await pause(LOOK_EVERY_MS)
      }
    }
    while (this.acknowledged && this.runIds.length === 0 && Date.now() < deadline) {
      try {
        const { runId } = await this.#call(() => this.#stage.temporal.workflow.getHandle(this.id).describe())
        this.runIds.push(runId)
      } catch {
        // The server may be gone just now.
        await pause(LOOK_EVERY_MS)
      }
    }
    return this.runIds.length > 0
  }

  async #awaitForged(): Promise<void> {
    const { forged } = (await this.#call(() => this.#stage.temporal.workflow.getHandle(this.id).result())) as {
      readonly forged: readonly string[]
    }
    this.forged = forged
  }

  async #look(status: RunStatus): Promise<void> {
    const { result, pending, incidents, state, waitingFor, timeline } = status
    const { kind, text } = timeline.at(-1) ?? {}
    this.seen = `${state}, waiting for ${waitingFor ?? 'nobody'}, incidents ${JSON.stringify(incidents)}, last ${kind}: ${text}`
    for (const question of pending) await this.#decide(question.step, question.actionDigest)
    for (const incident of incidents) await this.#settle(incident.step, incident.code)
    if (result === null || incidents.length > 0) return
    if (result.state === 'completed' && this.plan.undo && result.undoUntil !== null && !this.#undone) {
      await this.#undo()
      return
    }
    // An undo that was accepted may still be under way.
    if (result.state === 'completed' && this.#undone) return
    this.result = result
  }

  async #decide(step: string, actionDigest: string): Promise<void> {
    const { answer, noise } = this.plan
    const digest = actionDigest as `sha256:${string}`
    const message = { step, decision: answer, by: APPROVER, actionDigest: digest } as const
    // Noted before it is sent: the answer may be lost, and the approval count all the same.
    if (answer === 'approve') this.approved.add(actionDigest)
    if (noise === 'none' || noise === 'early') {
      await this.#say(message)
      return
    }
    const handle = this.#stage.temporal.workflow.getHandle(this.id)
    const times = noise === 'flood' ? 40 : 3
    const signed = await this.#signed(step, answer, digest)
    const wrong = { ...signed, actionDigest: `sha256:${'0'.repeat(64)}` } as const
    await Promise.allSettled(
      Array.from({ length: times }, (_, at) =>
        this.#call<unknown>(() =>
          at % 3 === 0
            ? this.#run.decide(message, this.#updateId(actionDigest))
            : handle.signal('decide', at % 3 === 1 ? signed : wrong),
        ),
      ),
    )
  }

  /** The same as a client of another make sends it. */
  async #signed(step: string, decision: 'approve' | 'reject', actionDigest: `sha256:${string}`) {
    const runKey = `${this.id}/${this.runIds[0]}` as const
    const about = { kind: 'decide', runKey, step, actionDigest, decision, commentDigest: digestOfText('') } as const
    const { workspace } = REQUESTER
    const statement = await this.#stage.statements(about, { subject: APPROVER, workspace })
    return { step, decision, actionDigest, statement }
  }

  /**
   * Decides under one id, whatever happens to the answer. A reset applies decisions of the old history again, perhaps before
   * the question is asked anew: then that id has been answered for good, with a no, and a person decides once more.
   */
  async #say(message: DecideMessage): Promise<void> {
    const { accepted } = await this.#call(() => this.#run.decide(message, this.#updateId(message.actionDigest)))
    if (!accepted) this.#refused += 1
  }

  #updateId(actionDigest: string): string {
    return `decide-${actionDigest}-${this.#refused}`
  }

  /** A run that has closed has its result, even where no worker can replay it to answer a query. */
  async #readResult(): Promise<void> {
    const closed = await this.#call(() => this.#run.summary()).catch(() => undefined)
    if (closed === undefined || closed.closedAt === null) return
    this.result = await this.#call(() => this.#run.result()).catch(() => undefined)
    this.isUnreadable = this.result !== undefined
  }

  /** Everything that can be said about a run, before it asks anything, and in no order. */
  async #early(): Promise<void> {
    const handle = this.#stage.temporal.workflow.getHandle(this.id)
    const decide = { step: 'bank.pay-1', decision: 'approve', by: APPROVER, actionDigest: `sha256:${'1'.repeat(64)}` }
    const resolve = { step: 'bank.pay-1', resolution: 'settled', by: OPERATOR }
    await Promise.allSettled([
      this.#call(() => handle.signal('resolve', resolve)),
      this.#call(() => handle.signal('undo', { by: OPERATOR })),
      this.#call(() => handle.signal('decide', decide)),
      this.#call(() => handle.executeUpdate('undo', { args: [{ by: OPERATOR }], updateId: randomUUID() })),
    ])
  }

  /** As with decisions, a reset applies the undo of the old history again, and refuses it when the run is not that far. */
  async #undo(): Promise<void> {
    const times = this.plan.noise === 'duplicates' ? 3 : 1
    const asked = Array.from({ length: times }, () =>
      this.#call(() => this.#run.undo({ by: OPERATOR, comment: 'taken back' }, `undo-${this.#refused}`)),
    )
    for (const answer of await Promise.allSettled(asked)) {
      if (answer.status === 'rejected') continue
      if (answer.value.accepted || answer.value.code === 'undo_under_way') this.#undone = true
      else this.#refused += 1
    }
  }

  /** As an operator would: what nobody can tell is looked up in the provider's books, all else is tried again first. */
  async #settle(step: string, code: string): Promise<void> {
    const byHand = code === 'effect_unknown' || code === 'effect_undone' || this.#retries >= RETRIES
    if (byHand) {
      const { books } = this.#stage.provider
      books.stop(this.runKey, step)
      for (const made of books.of(this.runKey, step)) {
        if (made.reversedBy === null) books.reverse(made.id, 'operator')
      }
      this.corrected.add(step)
    } else {
      this.#retries += 1
      await pause(500)
    }
    const resolution = byHand ? 'settled' : 'retry'
    await this.#call(() => this.#run.resolve({ step, resolution, by: OPERATOR }))
  }
}
