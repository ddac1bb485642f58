import { sleep } from '@temporalio/workflow'
import { playbook } from '../../../workflows/kernel/index.ts'
import { move } from './move.ts'
import { held_transfer as held, transfer as today } from './playbooks.ts'

/** The playbooks as they are after a change that open runs do not replay: each begins with a wait. */
export const transfer = playbook(today.contract, async (run, request) => {
  await sleep(1)
  return await move(run, request)
})

export const held_transfer = playbook(held.contract, async (run, request) => {
  await sleep(1)
  return await move(run, request)
})

export { refundRequest as refund_request } from '../../../workflows/refund-request.ts'
