import { extname, join } from 'node:path'
import { isMainThread, Worker as Thread } from 'node:worker_threads'
import temporalProto from '@temporalio/proto'
import type { coresdk } from '@temporalio/proto'
import { type Logger, Worker } from '@temporalio/worker'
import {
  ThreadedVMWorkflowCreator,
  VMWorkflowThreadProxy,
  WorkerThreadClient,
} from '@temporalio/worker/lib/workflow/threaded-vm.js'
import type { Workflow, WorkflowCreateOptions } from '@temporalio/worker/lib/workflow/interface.js'
import { hidesMessages } from '../privacy/failure-converter.ts'
import { hidden } from '../privacy/hidden-failures.ts'
import { Activity, Watchdog } from './watchdog.ts'

type Activation = coresdk.workflow_activation.IWorkflowActivation
type Completion = coresdk.workflow_completion.IWorkflowActivationCompletion
type SinkCalls = ReturnType<VMWorkflowThreadProxy['getAndResetSinkCalls']>

const { WorkflowActivation } = temporalProto.coresdk.workflow_activation
const { WorkflowActivationCompletion } = temporalProto.coresdk.workflow_completion

/** What a workflow thread is told when it starts. */
export interface WorkflowThreadData {
  /** Where it tells what it is at. */
  readonly activity: SharedArrayBuffer
}

/** What a workflow thread answers an activation with. */
export interface Concluded {
  /** An encoded `WorkflowActivationCompletion`. */
  readonly bytes: Uint8Array
  /** What it logged and measured. */
  readonly calls: Awaited<SinkCalls>
}

const THREAD = join(import.meta.dirname, `workflow-thread${extname(import.meta.filename)}`)

class WatchedThread extends WorkerThreadClient {
  readonly watchdog: Watchdog

  constructor(logger: Logger, limitMs: number) {
    const activity = new Activity()
    const workerData: WorkflowThreadData = { activity: activity.memory }
    const thread = new Thread(THREAD, { workerData })
    super(thread, logger)
    this.watchdog = new Watchdog(thread, activity, { limitMs, logger })
  }
}

/** A workflow in a thread of `workflow-thread.ts`: bytes go there and back, and what it logged comes with them. */
class ThreadedPlaybook extends VMWorkflowThreadProxy {
  readonly #watchdog: Watchdog
  readonly #hidesFailures: boolean
  /** `undefined`: the last activation came to nothing, and they are still in the thread. */
  #calls: Awaited<SinkCalls> | undefined

  constructor(thread: WatchedThread, runId: string, hidesFailures: boolean) {
    super(thread, runId)
    this.#hidesFailures = hidesFailures
    this.#watchdog = thread.watchdog
  }

  override async activate(activation: Activation): Promise<Completion> {
    const completion = await this.#activate(activation)
    return this.#hidesFailures ? withHiddenFailures(completion) : completion
  }

  async #activate(activation: Activation): Promise<Completion> {
    const { runId } = this
    // In memory of their own: what an encoder returns may lie in a pool, which no thread can be given.
    const encoded = new Uint8Array(WorkflowActivation.encode(activation).finish())
    const asked = { type: 'activate-workflow', runId, activation: encoded } as const
    this.#calls = undefined
    const output = await this.#watchdog.limit(runId, this.workerThreadClient.send(asked))
    if (output?.type !== 'activation-completion') throw new TypeError('a workflow thread answered something else')
    const { bytes, calls } = output.completion as unknown as Concluded
    this.#calls = calls
    return WorkflowActivationCompletion.decode(bytes)
  }

  override async dispose(): Promise<void> {
    await this.#watchdog.limit(this.runId, super.dispose())
  }

  override async getAndResetSinkCalls(): SinkCalls {
    const calls = this.#calls ?? (await super.getAndResetSinkCalls())
    this.#calls = []
    return calls
  }
}

/** What a workflow says of failures, as `hidden` has it: the sandbox need not know whether payloads are encrypted. */
function withHiddenFailures(completion: Completion): Completion {
  const { failed, successful } = completion
  if (failed?.failure) failed.failure = hidden(failed.failure)
  for (const command of successful?.commands ?? []) {
    const { failWorkflowExecution: end, updateResponse: update, respondToQuery: answer } = command
    if (end?.failure) end.failure = hidden(end.failure)
    if (update?.rejected) update.rejected = hidden(update.rejected)
    if (answer?.failed) answer.failed = hidden(answer.failed)
  }
  return completion
}

class PlaybookThreads extends ThreadedVMWorkflowCreator {
  /** Whether messages and stacks of failures are put where the codec encrypts them. */
  hidesFailures = false

  override async createWorkflow(options: WorkflowCreateOptions): Promise<Workflow> {
    const threads = this['workerThreadClients'] as readonly WorkerThreadClient[] as readonly WatchedThread[]
    const thread = threads.reduce((least, one) =>
      least.getActiveWorkflowCount() < one.getActiveWorkflowCount() ? least : one,
    )
    const { runId } = options.info
    await thread.watchdog.limit(runId, VMWorkflowThreadProxy.create(thread, options))
    return new ThreadedPlaybook(thread, runId, this.hidesFailures)
  }
}

/** Temporal's worker, with workflow threads that cost less: `workflow-thread.ts`. */
export class PlaybookWorker extends Worker {
  #begin: () => () => void = () => () => {}

  /** Has something go on from `run()` until the worker has stopped: begins it, and gives what ends it. */
  beside(begin: () => () => void): this {
    this.#begin = begin
    return this
  }

  override async run(): Promise<void> {
    const end = this.#begin()
    try {
      await super.run()
    } finally {
      end()
    }
  }

  protected static override async createWorkflowCreator(
    ...[workflowBundle, options, logger]: Parameters<(typeof Worker)['createWorkflowCreator']>
  ): ReturnType<(typeof Worker)['createWorkflowCreator']> {
    // A debugger wants workflows in the main thread, without a limit of time. Elsewhere than in the main thread, nothing can end
    // what runs in another.
    const hidesFailures = hidesMessages(options.loadedDataConverter.failureConverter)
    if (options.debugMode || !isMainThread) {
      if (hidesFailures)
        throw new TypeError('a worker that encrypts has its workflows in threads: it cannot be debugged')
      return await super.createWorkflowCreator(workflowBundle, options, logger)
    }
    const { isolateExecutionTimeoutMs, workflowThreadPoolSize } = options
    const clients = Array.from(
      { length: workflowThreadPoolSize },
      () => new WatchedThread(logger, isolateExecutionTimeoutMs),
    )
    await Promise.all(
      clients.map(async (client) => {
        await client.send({
          type: 'init',
          workflowBundle,
          isolateExecutionTimeoutMs,
          reuseV8Context: true,
          registeredActivityNames: new Set(options.activities.keys()),
          hasPatchActivationCallback: false,
        })
      }),
    )
    const threads = new PlaybookThreads(clients)
    threads.hidesFailures = hidesFailures
    return threads
  }
}
