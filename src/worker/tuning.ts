import type { GrpcCompressionConfig, WorkerOptions } from '@temporalio/worker'

/**
 * What the connection of a worker is best made with: near its server, compressing costs more than it saves. The SDK's own
 * default is gzip.
 */
export const DEFAULT_COMPRESSION = { codec: 'none' } as const satisfies GrpcCompressionConfig

/**
 * How much a worker does at once. What is left out is Temporal's own default. The pool of the database should have a
 * connection for each write that may run at once: a write holds one for as long as it takes.
 */
export interface Tuning {
  /** Activities that run at once: writes, slow reads, model calls. Default: 100. */
  readonly maxActivities?: number
  /** Local activities that run at once: quick reads and previews. Default: 100. */
  readonly maxLocalActivities?: number
  /** Workflow tasks that are worked on at once; at least 2. Default: 40. */
  readonly maxWorkflowTasks?: number
  /** Runs that are kept in memory between their tasks; others are replayed. Default: by the heap, about 600 a gigabyte. */
  readonly maxCachedWorkflows?: number
  /** Open polls for activities; at most `maxActivities`. Default: 10. */
  readonly activityPollers?: number
  /** Open polls for workflow tasks; at most `maxWorkflowTasks`. Default: 10. */
  readonly workflowTaskPollers?: number
}

/** As Temporal's worker takes it. Throws `RangeError` on a combination that cannot be. */
export function tuned(tuning: Tuning): Partial<WorkerOptions> {
  assertPossible(tuning)
  const { maxActivities, maxLocalActivities, maxWorkflowTasks } = tuning
  const { maxCachedWorkflows, activityPollers, workflowTaskPollers } = tuning
  return {
    ...(maxActivities !== undefined && { maxConcurrentActivityTaskExecutions: maxActivities }),
    ...(maxLocalActivities !== undefined && { maxConcurrentLocalActivityExecutions: maxLocalActivities }),
    ...(maxWorkflowTasks !== undefined && { maxConcurrentWorkflowTaskExecutions: maxWorkflowTasks }),
    ...(maxCachedWorkflows !== undefined && { maxCachedWorkflows }),
    ...(activityPollers !== undefined && { maxConcurrentActivityTaskPolls: activityPollers }),
    ...(workflowTaskPollers !== undefined && { maxConcurrentWorkflowTaskPolls: workflowTaskPollers }),
  }
}

/** Throws `RangeError`, which names both numbers: more polls than slots never get work. */
function assertPossible({
  maxActivities = 100,
  maxWorkflowTasks = 40,
  activityPollers = 1,
  workflowTaskPollers = 1,
}: Tuning): void {
  if (maxWorkflowTasks < 2) throw new RangeError(`maxWorkflowTasks is ${maxWorkflowTasks}, and must be at least 2`)
  if (activityPollers > maxActivities) {
    throw new RangeError(`activityPollers is ${activityPollers}, more than the ${maxActivities} of maxActivities`)
  }
  if (workflowTaskPollers > maxWorkflowTasks) {
    throw new RangeError(
      `workflowTaskPollers is ${workflowTaskPollers}, more than the ${maxWorkflowTasks} of maxWorkflowTasks`,
    )
  }
}
