import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client'
import type { SweepOrder } from '../../workflows/sweep/index.ts'

/** How often runs are swept, and in how many parts. */
export interface SweepPace {
  readonly everyMs: number
  readonly partitions: number
}

const DAY_MS = 86_400_000

/** On a queue of their own, so that no sweep is taken for a run. */
export const sweepQueue = (taskQueue: string): string => `${taskQueue}.sweep`

const sweepScheduleId = (taskQueue: string): string => `countersign-sweep-${taskQueue}`

/** A sweeper that says nothing for so long is taken for dead. */
const heartbeatOf = (everyMs: number): number => Math.min(Math.max(Math.round(everyMs / 5), 2_000), 60_000)

/**
 * Has Temporal order a sweep at this pace, one at a time; whoever does it again changes the pace. Sweeps that were missed while Temporal was away are
 * caught up, and each looks at everything that is not sealed.
 */
export async function scheduleSweeps(
  { schedule }: Client,
  taskQueue: string,
  { everyMs, partitions }: SweepPace,
): Promise<string> {
  const scheduleId = sweepScheduleId(taskQueue)
  const order: SweepOrder = { partitions, heartbeatMs: heartbeatOf(everyMs) }
  const wanted = {
    spec: { intervals: [{ every: everyMs }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: 365 * DAY_MS, pauseOnFailure: false },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'countersignSweep',
      workflowId: scheduleId,
      taskQueue: sweepQueue(taskQueue),
      args: [order],
      // What it works on is not lost with it.
      workflowRunTimeout: DAY_MS,
    },
  }
  try {
    await schedule.create({ scheduleId, ...wanted, state: { triggerImmediately: true } })
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error
    // Somebody may have paused it: that stays.
    await schedule.getHandle(scheduleId).update(({ state }) => ({ ...wanted, state }))
  }
  return scheduleId
}
