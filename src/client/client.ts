import { type Client, WithStartWorkflowOperation, WorkflowExecutionAlreadyStartedError } from '@temporalio/client'
import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { runKeyOf } from '../contract/evidence.ts'
import { fail, failureOf } from '../contract/failures.ts'
import { canonicalJson, type Digest, digestOf } from '../contract/digest.ts'
import type { Json } from '../contract/json.ts'
import { MAX_START_CHARACTERS } from '../contract/limits.ts'
import { type PlaybookContract, slugOf } from '../contract/playbook.ts'
import type { RunResult, StartMessage } from '../contract/run.ts'
import type { RunState } from '../contract/states.ts'
import type { Principal } from '../contract/principal.ts'
import type { Identity } from '../contract/statement.ts'
import type { StopMark } from '../contract/stop.ts'
import { textOf } from '../contract/text.ts'
import { DEFAULT_TASK_QUEUE, OUTCOME_UPDATE_ID, SEARCH_ATTRIBUTES, WIRE } from '../contract/wire.ts'
import type { DataKeys } from '../privacy/data-keys.ts'
import { quoted } from './quoted.ts'
import { type Known, RunHandle } from './run-handle.ts'
import { Sender, type SendingOptions } from './sender.ts'
import type { Speaker, StatementSource } from './statements.ts'
import { type ResumedRuns, type ResumeWord, resumeStopped } from './stopped-runs.ts'
import { type RunSummary, summaryOf } from './summary.ts'

/** Who starts a run, for whom and under which id. */
export interface StartOptions {
  /** As in `Speaker`, and on behalf of whom, by his one name. */
  readonly principal?: Speaker & { readonly onBehalfOf?: string | undefined }
  /**
   * A business id makes a repeated start find the open run. It stands in the clear, in Temporal and in the ledger: nothing personal may be in it. Default: the
   * playbook's slug and a random UUID.
   */
  readonly workflowId?: string
  /**
   * In place of `workflowId`: a business id that may be personal, such as an address. A keyed hash of it stands in the workflow id, the same for the same playbook;
   * it takes `ClientOptions.keys`.
   */
  readonly idFrom?: string
}

/** The request of a playbook type; any plain JSON object where none is named. */
export type RequestOf<P> = P extends { readonly contract: PlaybookContract<infer R> } ? z.input<R> : object

export interface ListOptions {
  readonly state?: RunState
  readonly playbook?: string
  readonly workspace?: string
  /** Default: 50. */
  readonly limit?: number
}

export interface ClientOptions extends SendingOptions {
  /** Where the workers listen. Default: `countersign`. */
  readonly taskQueue?: string
  /**
   * Where what is said gets signed: `gatewayStatements`, or for development `developmentStatements`. Without it everything is sent
   * unsigned, and refused unless a policy for development takes it.
   */
  readonly statements?: StatementSource
  /** Where keyed hashes are made for `idFrom`: `ledgerDataKeys`. */
  readonly keys?: Pick<DataKeys, 'hiddenName'>
}

/**
 * What services use: starts runs, finds them, decides on them. A thin layer over a Temporal client. It keeps count of
 * the decisions that are on their way, so a process needs one of them and not one a request.
 */
export class CountersignClient {
  readonly #client: Client
  readonly #taskQueue: string
  readonly #sender: Sender
  readonly #statements: StatementSource | undefined
  readonly #keys: Pick<DataKeys, 'hiddenName'> | undefined

  constructor(client: Client, { taskQueue = DEFAULT_TASK_QUEUE, statements, keys, ...sending }: ClientOptions = {}) {
    this.#client = client
    this.#taskQueue = taskQueue
    this.#sender = new Sender(client, sending)
    this.#statements = statements
    this.#keys = keys
  }

  /**
   * Starts a run. `start<typeof refundRequest>('refund_request', …)`, with the playbook imported as a type, types
   * the request. Fails with `request_invalid` when the request is too large to be sent, and with `run_exists` when
   * there is a run with this workflow id, open or closed and still kept. One that was refused before it was opened did nothing,
   * and does not count.
   */
  async start<P = unknown>(playbook: string, request: RequestOf<P>, options: StartOptions = {}): Promise<RunHandle> {
    const workflowId = await this.#idOf(playbook, options)
    const signed = await this.#signed(playbook, request, options, workflowId)
    let runId: string
    try {
      const started = await this.#unlessRefusedBefore(workflowId, (reuse) =>
        this.#client.workflow.start(playbook, this.#startOptions(playbook, workflowId, signed.start, reuse)),
      )
      runId = started.firstExecutionRunId
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) {
        throw fail('run_exists', `there is a run \`${workflowId}\` already`, {}, error)
      }
      throw error
    }
    return this.#run(workflowId, undefined, { runKey: runKeyOf(workflowId, runId), workspace: signed.workspace })
  }

  /**
   * Starts a run, or attaches to the open one with this workflow id, and answers with its outcome, in one call
   * to the server.
   */
  async execute<P = unknown>(playbook: string, request: RequestOf<P>, options: StartOptions = {}): Promise<RunResult> {
    const workflowId = await this.#idOf(playbook, options)
    const { start, requestDigest, who } = await this.#signed(playbook, request, options, workflowId)
    const run = this.run(workflowId)
    let result: RunResult
    const askedMs = Date.now()
    try {
      const first = await this.#unlessRefusedBefore(workflowId, (reuse) =>
        this.#client.workflow.executeUpdateWithStart<PlaybookFunction, RunResult, []>(WIRE.updates.outcome, {
          args: [],
          startWorkflowOperation: new WithStartWorkflowOperation<PlaybookFunction>(playbook, {
            ...this.#startOptions(playbook, workflowId, start, reuse),
            workflowIdConflictPolicy: 'USE_EXISTING',
          }),
          updateId: OUTCOME_UPDATE_ID,
        }),
      )
      result = await run.sinceThen(first, askedMs)
    } catch (error) {
      const isContinued = failureOf(error)?.code === 'run_continued'
      if (!isContinued && !(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      result = await run.outcome()
    }
    const isMine = result.principal === null || who === undefined || samePrincipal(result.principal, who)
    const isSame = result.playbook === playbook && (result.requestDigest ?? requestDigest) === requestDigest
    if (isMine && isSame) return result
    throw fail('run_exists', `the run \`${workflowId}\` was started for something else`)
  }

  async #idOf(playbook: string, { workflowId, idFrom }: StartOptions): Promise<string> {
    if (idFrom === undefined) return workflowId ?? `${slugOf(playbook)}-${randomUUID()}`
    if (workflowId !== undefined) throw new TypeError('a run is started with `workflowId` or with `idFrom`')
    return await this.hiddenId(playbook, idFrom)
  }

  /** The workflow id of the run that was started with `idFrom`. Fails with `keys_unavailable` without `ClientOptions.keys`. */
  async hiddenId(playbook: string, idFrom: string): Promise<string> {
    if (this.#keys === undefined) {
      throw fail('keys_unavailable', 'hiding a workflow id takes the master keys and the database of the ledger')
    }
    const hidden = await this.#keys.hiddenName(`workflow id\n${playbook}\n${idFrom}`)
    return `${slugOf(playbook)}-${hidden.slice(0, HIDDEN_ID_DIGITS)}`
  }

  /** Starts a run; once more where the one that has its id already was refused before it was opened. */
  async #unlessRefusedBefore<T>(workflowId: string, start: (reuse: IdReuse) => Promise<T>): Promise<T> {
    try {
      // A start that is sent again, even after the run has closed, must not become a second run.
      return await start('REJECT_DUPLICATE')
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError) || !(await this.#wasRefused(workflowId))) throw error
      return await start('ALLOW_DUPLICATE_FAILED_ONLY')
    }
  }

  async #wasRefused(workflowId: string): Promise<boolean> {
    const run = this.run(workflowId)
    const { state, runId } = await run.summary()
    if (state !== 'failed') return false
    const result = await run.result()
    // After a reset that was not opened again, the effects of the execution before may stand.
    const isFirst = result.runKey === runKeyOf(workflowId, runId)
    return isFirst && result.state === 'failed' && result.principal === null
  }

  /** The run with a workflow id; whether it exists shows at the first call. */
  run(workflowId: string, runId?: string): RunHandle {
    return this.#run(workflowId, runId)
  }

  #run(workflowId: string, runId?: string, known?: Known): RunHandle {
    const parts = { client: this.#client, sender: this.#sender, statements: this.#statements }
    return new RunHandle(parts, workflowId, runId, known)
  }

  /** The newest runs that match, open ones first. Visibility lags behind by up to a second or so. */
  async list(options: ListOptions = {}): Promise<readonly RunSummary[]> {
    const found: RunSummary[] = []
    const runs = this.#client.workflow.list({ query: queryOf(options), pageSize: options.limit ?? 50 })
    for await (const info of runs) {
      found.push(summaryOf(info))
      if (found.length === (options.limit ?? 50)) break
    }
    return found
  }

  /**
   * Has the runs that wait at stops try their steps again. Lift the stops first (`liftNow` of `countersign/worker`), or
   * they wait again. It looks for some seconds, and may be called again.
   */
  async resumeStopped(stops: readonly StopMark[], word: ResumeWord): Promise<ResumedRuns> {
    return await resumeStopped({ client: this.#client, statements: this.#statements }, stops, word)
  }

  /**
   * The signed argument with which anybody may start this run: by Temporal's own command, or by an SDK in another language, under this
   * workflow id, within ten minutes.
   */
  async startMessage<P = unknown>(
    playbook: string,
    request: RequestOf<P>,
    options: StartOptions & { readonly workflowId: string },
  ): Promise<StartMessage> {
    return (await this.#signed(playbook, request, options, options.workflowId)).start
  }

  /** The start message, signed where there is somebody who signs. */
  async #signed(
    playbook: string,
    given: unknown,
    { principal = {} }: StartOptions,
    workflowId: string,
  ): Promise<{
    readonly start: StartMessage
    readonly requestDigest: Digest
    readonly workspace: string | undefined
    /** Who starts it, as the signed statement says. */
    readonly who?: Identity
  }> {
    const request = sendable(given)
    const requestDigest = digestOf(request)
    const { onBehalfOf, ...as } = principal
    if (this.#statements === undefined) {
      return { start: { request } as StartMessage, requestDigest, workspace: undefined }
    }
    const workspace = (as.workspace ?? 'default').trim()
    const behalf = onBehalfOf === undefined ? {} : { onBehalfOf: onBehalfOf.trim() }
    const about = { kind: 'start', workflowId, playbook, requestDigest, workspace, ...behalf } as const
    const statement = await this.#statements(about, { ...as, workspace })
    return { start: { request, statement: statement as unknown as Json }, requestDigest, workspace, who: statement.who }
  }

  #startOptions(playbook: string, workflowId: string, start: StartMessage, workflowIdReusePolicy: IdReuse) {
    return {
      workflowId,
      taskQueue: this.#taskQueue,
      workflowIdReusePolicy,
      args: [start] as [StartMessage],
      staticSummary: `${playbook}, governed by Countersign`,
      staticDetails:
        'The state, what is asked of whom, what was done and the timeline stand under *current details*. ' +
        `\`countersign show ${PLAIN_ID.test(workflowId) ? workflowId : '<workflow id>'}\` prints this and more.`,
    }
  }
}

/** Reads a request as it is sent; fails with `request_invalid` on one that Temporal, or the host, would not take. */
function sendable(request: unknown): Json {
  let text: string | undefined
  try {
    text = JSON.stringify(request)
    // A lone surrogate is no text, and cannot be signed.
    if (text !== undefined) canonicalJson(JSON.parse(text))
  } catch (error) {
    throw fail('request_invalid', `the request is not plain JSON: ${textOf(error)}`)
  }
  if (text === undefined) throw fail('request_invalid', 'there is no request')
  if (text.length <= MAX_START_CHARACTERS) return JSON.parse(text) as Json
  throw fail('request_invalid', `the request has ${text.length} characters; at most ${MAX_START_CHARACTERS} are taken`)
}

/** Whether a run is of whoever starts it again: nobody is told what others asked for. */
const samePrincipal = (one: Principal, other: Identity): boolean =>
  one.issuer === other.issuer && one.subject === other.subject && one.workspace === other.workspace

/** What can stand in Markdown and on a command line as it is. */
const PLAIN_ID = /^[\w./:@-]+$/

/** Of a keyed hash: 160 bits. */
const HIDDEN_ID_DIGITS = 40

type IdReuse = 'REJECT_DUPLICATE' | 'ALLOW_DUPLICATE_FAILED_ONLY'

type PlaybookFunction = (start: StartMessage) => Promise<RunResult>

/** The visibility query of a list, as one would type it into the Temporal UI. */
function queryOf({ state, playbook, workspace }: ListOptions): string {
  const { state: stateKey, playbook: playbookKey, workspace: workspaceKey } = SEARCH_ATTRIBUTES
  const terms = [`${playbookKey.name} IS NOT NULL`, "ExecutionStatus != 'ContinuedAsNew'"]
  if (state !== undefined) terms.push(`${stateKey.name} = ${quoted(state)}`)
  if (playbook !== undefined) terms.push(`${playbookKey.name} = ${quoted(playbook)}`)
  if (workspace !== undefined) terms.push(`${workspaceKey.name} = ${quoted(workspace)}`)
  return terms.join(' AND ')
}
