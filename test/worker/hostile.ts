import type { StartMessage } from '../../src/contract/run.ts'
import { refundRequest } from '../../workflows/refund-request.ts'
import { puppet } from './puppet.ts'

/** The playbook as it is shipped, and under the same workflow type a puppet, where the customer writes so. */
export const refund_request = Object.assign(
  async (start: StartMessage): Promise<unknown> => {
    const { message } = start.request as { readonly message?: unknown }
    return message === 'puppet' ? await puppet() : await refundRequest(start)
  },
  { contract: refundRequest.contract },
)

// The shipped policies are for all shipped playbooks.
export { supportRequest as support_request } from '../../workflows/support-request.ts'
