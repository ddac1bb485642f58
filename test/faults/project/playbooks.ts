import { sleep } from '@temporalio/workflow'
import type { z } from 'zod'
import type { StartMessage } from '../../../src/contract/run.ts'
import { refundRequest } from '../../../workflows/refund-request.ts'
import { playbook, type Run } from '../../../workflows/kernel/index.ts'
import { advise, balance, WRITES } from './contracts.ts'
import { forge } from './forge.ts'
import { type Leg, transferRequest } from './request.ts'

const TITLE = 'Transfer'
const TOOLS = [balance, ...Object.values(WRITES)]

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

/** Closes as soon as it has ended. */
const governed = playbook(
  { name: 'transfer', title: TITLE, request: transferRequest, tools: TOOLS, thoughts: [advise] },
  move,
)

/** Under the same type a forger, where the memo says so: workflow code that has no kernel and makes warrants up. */
export const transfer = Object.assign(
  async (start: StartMessage): Promise<unknown> => {
    const legs = (start.request as { readonly legs?: readonly Leg[] }).legs ?? []
    return legs[0]?.memo === 'forge' ? await forge(start, legs) : await governed(start)
  },
  { contract: governed.contract },
)

/** Stays open for its undo window. */
export const held_transfer = playbook(
  { name: 'held_transfer', title: TITLE, request: transferRequest, tools: TOOLS, thoughts: [advise] },
  move,
)

export { refundRequest as refund_request }
