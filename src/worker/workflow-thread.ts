/**
 * A thread in which the SDK runs workflows, with less to pay for; everything else in it is the SDK's own (`lib/workflow`
 * of `@temporalio/worker` 1.24). See docs/decisions/0009.
 *
 * - The SDK watches each call into the sandbox by a native thread of its own, three to ten an activation. Here one
 *   watches the whole activation: the same limit, and the same failed workflow task when it is passed. What is outside of
 *   activations, loading modules for one, the host has run before without a limit.
 * - No stack is taken at each promise. It served the query `__stack_trace` only, which answers that it has none.
 * - What an activation comes to leaves the thread as bytes, and says whether there is anything else to fetch.
 */
import { Script } from 'node:vm'
import { workerData } from 'node:worker_threads'
import temporalProto from '@temporalio/proto'
import type { coresdk } from '@temporalio/proto'
import { ReusableVMWorkflow } from '@temporalio/worker/lib/workflow/reusable-vm.js'
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js'
import type { Concluded, WorkflowThreadData } from './playbook-worker.ts'

type Activation = coresdk.workflow_activation.IWorkflowActivation
type Completion = coresdk.workflow_completion.IWorkflowActivationCompletion

const { WorkflowActivationCompletion } = temporalProto.coresdk.workflow_completion
const { executionTimeoutMs } = workerData as WorkflowThreadData

Object.assign(globalHandlers, { setPromiseHook: () => {} })

const ENTRY = 'countersign.activation'
const enter = new Script(`globalThis['${ENTRY}']()`)

// oxlint-disable-next-line unbound-method -- called with its receiver below
const { runInContext } = Script.prototype
Script.prototype.runInContext = function (context, options) {
  if (typeof options !== 'object') return runInContext.call(this, context, options)
  const { timeout: _, ...unwatched } = options
  return runInContext.call(this, context, unwatched)
}

/** What `call` returns, with all that it calls before it first waits; fails when that takes longer than the limit. */
function watched<T>(call: () => T): T {
  Object.assign(globalThis, { [ENTRY]: call })
  return enter.runInThisContext({ timeout: executionTimeoutMs, displayErrors: true }) as T
}

// oxlint-disable-next-line unbound-method -- called with its receiver below
const { activate } = ReusableVMWorkflow.prototype

async function concluded(this: ReusableVMWorkflow, activation: Activation): Promise<Concluded> {
  let completion: Completion
  try {
    completion = await watched(() => activate.call(this, activation))
  } catch (error) {
    // As the SDK does with what it catches. What ran too long is not caught there: it was ended with all else.
    completion = { runId: this.runId, failed: { failure: this['activator'].errorToFailure(error) } }
  }
  const bytes = new Uint8Array(WorkflowActivationCompletion.encode(completion).finish())
  return { bytes, isSilent: this['activator'].sinkCalls.length === 0 }
}
// The SDK's own handler of messages passes on whatever this returns.
Object.assign(ReusableVMWorkflow.prototype, { activate: concluded })

await import('@temporalio/worker/lib/workflow/workflow-worker-thread.js')
