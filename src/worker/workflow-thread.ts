/**
 * A thread in which the SDK runs workflows, with less to pay for; everything else in it is the SDK's own (`lib/workflow`
 * of `@temporalio/worker` 1.24). See docs/decisions/0009.
 *
 * - The SDK watches each call into the sandbox by a native thread of its own, three to ten an activation. Here the thread
 *   tells which activation it is at, and the main thread ends one that takes too long: `watchdog.ts`.
 * - The globals of a run are exchanged for those of another as `run-globals.ts` does it.
 * - No stack is taken at each promise. It served the query `__stack_trace` only, which answers that it has none.
 * - What an activation comes to leaves the thread as bytes, and what it logged goes with it instead of being fetched.
 */
import { workerData } from 'node:worker_threads'
import temporalProto from '@temporalio/proto'
import type { coresdk } from '@temporalio/proto'
import sdk, { ReusableVMWorkflow } from '@temporalio/worker/lib/workflow/reusable-vm.js'
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js'
import type { Concluded, WorkflowThreadData } from './playbook-worker.ts'
import { SharedContext } from './run-globals.ts'
import { Activity } from './watchdog.ts'

type SinkCall = Awaited<ReturnType<ReusableVMWorkflow['getAndResetSinkCalls']>>[number]
type Activation = coresdk.workflow_activation.IWorkflowActivation

const { WorkflowActivationCompletion } = temporalProto.coresdk.workflow_completion
const activity = new Activity((workerData as WorkflowThreadData).activity)

Object.assign(globalHandlers, { setPromiseHook: () => {} })
Object.assign(sdk, { ReusableVMWorkflowCreator: SharedContext })

// oxlint-disable-next-line unbound-method -- called with its receiver below
const { activate, dispose } = ReusableVMWorkflow.prototype

/**
 * What is called into the sandbox for a run before it first waits: where that takes too long it is ended, and nothing after it here runs,
 * `finally` included.
 */
function watched<T>(runId: string, work: () => T): T {
  activity.begin(runId)
  try {
    return work()
  } finally {
    activity.end()
  }
}
SharedContext.watched = watched

async function concluded(this: ReusableVMWorkflow, activation: Activation): Promise<Concluded> {
  const completion = await watched(this.runId, () => activate.call(this, activation))
  const bytes = new Uint8Array(WorkflowActivationCompletion.encode(completion).finish())
  const isSilent = this['activator'].sinkCalls.length === 0
  return { bytes, calls: isSilent ? [] : (await this.getAndResetSinkCalls()).map(portable) }
}

/** A call of a sink as it can leave the thread: without the functions that its workflow's info holds. */
function portable(call: SinkCall): SinkCall {
  const { now: _now, random: _random, ...unsafe } = call.workflowInfo.unsafe
  return { ...call, workflowInfo: { ...call.workflowInfo, unsafe } as SinkCall['workflowInfo'] }
}
// The SDK's own handler of messages passes on whatever this returns.
Object.assign(ReusableVMWorkflow.prototype, {
  activate: concluded,
  dispose(this: ReusableVMWorkflow): Promise<void> {
    return watched(this.runId, () => dispose.call(this))
  },
})

await import('@temporalio/worker/lib/workflow/workflow-worker-thread.js')
