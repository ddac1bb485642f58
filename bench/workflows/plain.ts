import { condition, defineSignal, log, proxyActivities, setHandler } from '@temporalio/workflow'
import { type BenchCase, WAITING } from '../case.ts'
import type { PlainActivities } from './activities.ts'
import { refundJob } from './job.ts'

const approve = defineSignal('approve')

const activities = proxyActivities<PlainActivities>({
  startToCloseTimeout: '5 seconds',
  retry: { maximumAttempts: 5 },
})

/** What one writes first: five ordinary activities, an `if`, and a signal that anybody may send. */
export async function plainRefund(input: BenchCase): Promise<{ readonly refundId: string }> {
  let approved = false
  setHandler(approve, () => void (approved = true))
  return refundJob(input, activities, async () => {
    log.info(WAITING, { step: 'refund', digest: '' })
    await condition(() => approved)
  })
}
