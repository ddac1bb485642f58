/**
 * A thread in which the SDK runs workflows, with less to pay for; everything else in it is the SDK's own (`lib/workflow`
 * of `@temporalio/worker` 1.24). See docs/decisions/0009.
 *
 * - The SDK watches each call into the sandbox by a native thread of its own, three to ten an activation. Here the thread
 *   tells which activation it is at, and the main thread ends one that takes too long: `watchdog.ts`.
 * - The globals of a run are exchanged for those of another as `run-globals.ts` does it.
 * - No stack is taken at each promise. It served the query `__stack_trace` only, which answers that it has none.
 * - What an activation comes to leaves the thread as bytes, and says whether there is anything else to fetch.
 */
import { workerData } from 'node:worker_threads'
import temporalProto from '@temporalio/proto'
import type { coresdk } from '@temporalio/proto'
import sdk, { ReusableVMWorkflow } from '@temporalio/worker/lib/workflow/reusable-vm.js'
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js'
import type { Concluded, WorkflowThreadData } from './playbook-worker.ts'
import { SharedContext } from './run-globals.ts'
import { Activity } from './watchdog.ts'

type Activation = coresdk.workflow_activation.IWorkflowActivation

const { WorkflowActivationCompletion } = temporalProto.coresdk.workflow_completion
const activity = new Activity((workerData as WorkflowThreadData).activity)

Object.assign(globalHandlers, { setPromiseHook: () => {} })
Object.assign(sdk, { ReusableVMWorkflowCreator: SharedContext })

// oxlint-disable-next-line unbound-method -- called with its receiver below
const { activate } = ReusableVMWorkflow.prototype

async function concluded(this: ReusableVMWorkflow, activation: Activation): Promise<Concluded> {
  // All that it calls before it first waits: what runs too long is ended there, and never comes back.
  activity.begin(this.runId)
  const completing = activate.call(this, activation)
  activity.end()
  const completion = await completing
  const bytes = new Uint8Array(WorkflowActivationCompletion.encode(completion).finish())
  return { bytes, isSilent: this['activator'].sinkCalls.length === 0 }
}
// The SDK's own handler of messages passes on whatever this returns.
Object.assign(ReusableVMWorkflow.prototype, { activate: concluded })

await import('@temporalio/worker/lib/workflow/workflow-worker-thread.js')
