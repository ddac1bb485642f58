import { sleep } from '@temporalio/workflow'
import type { z } from 'zod'
import type { Run } from '../../../workflows/kernel/index.ts'
import { advise, balance, WRITES } from './contracts.ts'
import type { Leg, transferRequest } from './request.ts'

/** Moves money in up to some steps, and then ends as it was told. */
export async function move(run: Run, request: z.output<typeof transferRequest>): Promise<{ done: number }> {
  const { legs, atOnce, padding, lingerMs } = request
  const [first] = legs
  if (request.advised) await run.think(advise, { text: first?.memo ?? '' })
  const seen = await run.read(balance, { account: first?.account ?? 'acc_0', padding })
  const act = ({ via, ...input }: Leg) => run.act(WRITES[via], input, { because: [seen] })
  if (atOnce) await Promise.all(legs.map(act))
  else for (const leg of legs) await act(leg)
  if (lingerMs > 0) await sleep(lingerMs)
  if (request.finally === 'throw') throw new Error('the case fell through')
  if (request.finally === 'escalate') run.escalate('somebody else is to look at it')
  return { done: legs.length }
}
