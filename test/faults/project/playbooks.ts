import type { StartMessage } from '../../../src/contract/run.ts'
import { refundRequest } from '../../../workflows/refund-request.ts'
import { playbook } from '../../../workflows/kernel/index.ts'
import { advise, balance, WRITES } from './contracts.ts'
import { forge } from './forge.ts'
import { move } from './move.ts'
import { type Leg, transferRequest } from './request.ts'

const TITLE = 'Transfer'
const TOOLS = [balance, ...Object.values(WRITES)]

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
