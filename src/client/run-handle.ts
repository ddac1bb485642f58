import { setTimeout as delay } from 'node:timers/promises'
import { type Client, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client'
import { inputDigestOf, type DecideMessage } from '../contract/action.ts'
import { digestOfText } from '../contract/digest.ts'
import type { Json } from '../contract/json.ts'
import { aboutSchema } from '../contract/statement.ts'
import { type RunKey, runKeyOf } from '../contract/evidence.ts'
import { fail, failureOf } from '../contract/failures.ts'
import type { Answer, ResolveMessage, RunResult, RunStatus, UndoMessage } from '../contract/run.ts'
import { GRPC, grpcOf } from './grpc.ts'
import { OUTCOME_UPDATE_ID, WIRE } from '../contract/wire.ts'
import type { Sender } from './sender.ts'
import type { Speaker, StatementSource } from './statements.ts'
import { type RunSummary, summaryOf } from './summary.ts'

/** One call that waits for an outcome; then another one does. */
const WAIT_MS = 20_000

/** Before a run is asked again. */
const PAUSE_MS = 200

/** What a run is told, before it is signed; `by` and `groups` are for development: see `Speaker`. */
export type Said<M> = Omit<M, 'statement' | 'by'> & {
  readonly by?: string | undefined
  readonly workspace?: string | undefined
  readonly groups?: readonly string[] | undefined
}

/** What statements about a run name. */
export interface Known {
  readonly runKey: RunKey
  readonly workspace: string | undefined
}

/** With what a run is reached. */
interface Parts {
  readonly client: Client
  readonly sender: Sender
  readonly statements: StatementSource | undefined
}

/** One run, by its workflow id. Every call fails with `run_not_found` when there is no such run. */
export class RunHandle {
  readonly workflowId: string
  readonly #client: Client
  readonly #sender: Sender
  readonly #runId: string | undefined
  readonly #statements: StatementSource | undefined
  #known: Known | undefined

  constructor({ client, sender, statements }: Parts, workflowId: string, runId?: string, known?: Known) {
    this.workflowId = workflowId
    this.#statements = statements
    this.#known = known
    this.#client = client
    this.#sender = sender
    this.#runId = runId
  }

  /**
   * Answers as soon as the business outcome is known; the run stays open for its undo window. All callers share
   * one update, so any number may wait. Once the run has closed it answers as `result` does: it may have been
   * undone since.
   */
  async outcome(): Promise<RunResult> {
    for (;;) {
      const outcome = await this.#outcome()
      if (outcome !== undefined) return outcome
      await delay(PAUSE_MS)
    }
  }

  /** `undefined`: it has to be asked again, since the run goes on in another execution, or nobody answered for a while. */
  async #outcome(): Promise<RunResult | undefined> {
    const askedMs = Date.now()
    try {
      // A call that meets the end of an execution may never be answered, so each waits for a while only.
      const first = await this.#client.withDeadline(Date.now() + WAIT_MS, () =>
        this.#ask(() =>
          this.#handle().executeUpdate<RunResult, []>(WIRE.updates.outcome, { updateId: OUTCOME_UPDATE_ID }),
        ),
      )
      return await this.sinceThen(first, askedMs)
    } catch (error) {
      const code = failureOf(error)?.code
      if (code === 'run_continued' && this.#runId === undefined) return undefined
      const grpc = grpcOf(error)?.code
      if (grpc === GRPC.deadlineExceeded || grpc === GRPC.cancelled || grpc === GRPC.aborted) return undefined
      // A run that has closed takes no update any more; its result is the outcome, or what became of it.
      if (code === 'run_not_found') return await this.result()
      throw error
    }
  }

  /**
   * What has become of an outcome: the server keeps the first answer of an update for ever, and the run may have been undone. One
   * that is no older than the question, by the clock of this machine, is the answer to it.
   */
  async sinceThen(first: RunResult, askedMs: number): Promise<RunResult> {
    if (first.undoUntil === null || Date.parse(first.at) >= askedMs) return first
    if (Date.parse(first.undoUntil) <= Date.now()) {
      // A run that has closed would have to be replayed to answer.
      const { status } = await this.#ask(() => this.#handle().describe())
      if (status.name !== 'RUNNING') return await this.result()
    }
    return (await this.status()).undoUntil === null ? await this.result() : first
  }

  /** Waits until the run closes, the undo window included. A failed run answers with its result too. */
  async result(): Promise<RunResult> {
    return await this.#ask(async () => {
      try {
        return (await this.#handle().result()) as RunResult
      } catch (error) {
        const details = failureOf(error)?.details
        if (error instanceof WorkflowFailedError && details !== undefined && 'runKey' in details) {
          return details as unknown as RunResult
        }
        throw error
      }
    })
  }

  /** What operators see of the run, now. Needs a worker, since the run itself answers. */
  async status(): Promise<RunStatus> {
    const status = await this.#ask(() => this.#handle().query<RunStatus>(WIRE.queries.status))
    const { runKey, workspace } = status
    if (workspace !== null) this.#known = { runKey, workspace }
    return status
  }

  /** What Temporal knows of the run without asking a worker. */
  async summary(): Promise<RunSummary> {
    return await this.#ask(async () => summaryOf(await this.#handle().describe()))
  }

  /**
   * Decides on an action, or, with `change`, has `input` done instead, which is decided anew. The same update id twice is one decision: give it the id that the decision has with you, and
   * it can be sent again after a crash. Fails with `no_answer` when the run has not answered in time.
   */
  async decide(message: Said<DecideMessage>, updateId?: string): Promise<Answer> {
    return await this.#say(WIRE.updates.decide, message, updateId)
  }

  /** Asks for a completed run to be undone; the answer says whether it will be. Fails as `decide` does. */
  async undo(message: Said<UndoMessage>, updateId?: string): Promise<Answer> {
    return await this.#say(WIRE.updates.undo, message, updateId)
  }

  /** Settles an incident. Fails as `decide` does. */
  async resolve(message: Said<ResolveMessage>, updateId?: string): Promise<Answer> {
    return await this.#say(WIRE.updates.resolve, message, updateId)
  }

  /** Asks the run to stop and to compensate what it did. */
  async cancel(): Promise<void> {
    await this.#ask(() => this.#handle().cancel())
  }

  /** Has a message signed and sends it. One that makes no sense is sent as it is: the run refuses it, and keeps the attempt. */
  async #say(name: 'decide' | 'undo' | 'resolve', message: object, updateId: string | undefined): Promise<Answer> {
    const { workflowId } = this
    const sent = { workflowId, runId: this.#runId, name, message: () => this.#signed(name, message), updateId }
    return await this.#ask(() => this.#sender.send(sent))
  }

  async #signed(name: 'decide' | 'undo' | 'resolve', message: object): Promise<unknown> {
    if (typeof message !== 'object' || (message as object | null) === null) return message
    const { by, workspace, groups, ...said } = message as Said<object>
    if (this.#statements === undefined) return { ...said, ...(by === undefined ? {} : { by }) }
    const known = await this.#whichRun()
    const about = aboutSchema().safeParse(await this.#about(name, said, known.runKey))
    if (!about.success) return said
    const as: Speaker = { subject: by, workspace: workspace ?? known.workspace, groups }
    return { ...said, statement: await this.#statements(about.data, as) }
  }

  /** What a message says, as it is signed. */
  async #about(name: 'decide' | 'undo' | 'resolve', said: object, runKey: RunKey): Promise<unknown> {
    const { comment = '', step, decision, actionDigest, input, resolution } = said as Readonly<Record<string, unknown>>
    const words = digestOfText(typeof comment === 'string' ? comment.toWellFormed() : '')
    if (name === 'undo') return { kind: name, runKey, whyDigest: words }
    if (name === 'resolve') return { kind: name, runKey, step, resolution, commentDigest: words }
    const about = { kind: name, runKey, step, actionDigest, decision, commentDigest: words }
    if (decision !== 'change' || input === undefined) return about
    const asked = (await this.status()).pending.find((one) => one.step === step)
    const tool = asked?.about === 'action' ? asked.action.tool : ''
    return { ...about, inputDigest: inputDigestOf(tool, input as Json) }
  }

  /** What a statement has to name: the first execution of the chain, and the workspace, where the run was opened. */
  async #whichRun(): Promise<Known> {
    if (this.#known !== undefined) return this.#known
    return await this.#ask(async () => {
      const described = await this.#handle().describe()
      const first = described.raw.workflowExecutionInfo?.firstRunId ?? described.runId
      const runKey = runKeyOf(this.workflowId, first)
      // One that is not opened yet shows it to nobody but whoever asks itself.
      const workspace = summaryOf(described).workspace ?? (await this.status()).workspace ?? undefined
      this.#known = { runKey, workspace }
      return this.#known
    })
  }

  #handle() {
    return this.#client.workflow.getHandle(this.workflowId, this.#runId)
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) {
        throw fail('run_not_found', `there is no run \`${this.workflowId}\`, or it has closed`, {}, error)
      }
      throw error
    }
  }
}
