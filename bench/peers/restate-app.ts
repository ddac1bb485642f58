/**
 * The job on Restate, as a process of its own that the Restate server calls: once as a workflow whose approval is a
 * durable promise, once as a service whose approval is an awakeable.
 */
import {
  type Context,
  serve,
  service,
  workflow,
  type WorkflowContext,
  type WorkflowSharedContext,
} from '@restatedev/restate-sdk'
import type { BenchCase } from '../case.ts'
import { refundJob } from '../workflows/job.ts'
import { db, port, ready, tellWaiting } from './app.ts'
import { type DurableStep, durableSteps } from './durable-steps.ts'

const stepsOf =
  (ctx: Context): DurableStep =>
  (name, run) =>
    ctx.run(name, run, { maxRetryAttempts: 5 })

const refundWorkflow = workflow({
  name: 'refundWorkflow',
  handlers: {
    run: (ctx: WorkflowContext, input: BenchCase) =>
      refundJob(input, durableSteps(db, ctx.key, stepsOf(ctx)), async () => {
        tellWaiting(ctx.key, 'refund')
        await ctx.promise<boolean>('approve')
      }),
    approve: (ctx: WorkflowSharedContext) => ctx.promise<boolean>('approve').resolve(true),
  },
})

const refundService = service({
  name: 'refundService',
  handlers: {
    run: (ctx: Context, { workflowId, input }: { readonly workflowId: string; readonly input: BenchCase }) =>
      refundJob(input, durableSteps(db, workflowId, stepsOf(ctx)), async () => {
        const { id, promise } = ctx.awakeable<boolean>()
        tellWaiting(workflowId, id)
        await promise
      }),
  },
})

await serve({
  port,
  services: [refundWorkflow, refundService],
  // The default logger writes two lines a run; the workers of the other variants are as quiet as this.
  logger: ({ level }, message: unknown) => {
    if (level === 'error') process.stderr.write(`${String(message)}\n`)
  },
})
ready(() => db.destroy())
