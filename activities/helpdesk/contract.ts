import { z } from 'zod'
import { writeTool } from '../../src/contract/tool.ts'

/** `tkt_1001` */
export const ticketId = z.string().regex(/^tkt_[a-z0-9]{1,40}$/, 'must look like `tkt_1001`')
/** `rep_100001` */
const replyId = z.string().regex(/^rep_[a-z0-9]{1,40}$/, 'must look like `rep_100001`')

/** At most 4,000 characters that PostgreSQL and canonical JSON can hold. */
const body = z
  .string()
  .trim()
  .min(1)
  .max(4000)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be well-formed text')

/**
 * Answers the customer. Unknown ticket → `not_found`; a closed one → `precondition_failed`. What was read cannot
 * be unread: the undo retracts the reply and says so in another one.
 */
export const reply = writeTool({
  name: 'helpdesk.reply',
  title: 'answer the customer',
  input: z.strictObject({ ticketId, body }),
  output: z.strictObject({ replyId, ticketId }),
  scopes: ['helpdesk:reply'],
  risk: 'low',
  reversibility: 'externally_reversible',
  idempotency: 'transaction',
  localPreview: true,
  startToCloseMs: 5_000,
  retry: { maximumAttempts: 5, initialIntervalMs: 200, maximumIntervalMs: 5_000, backoffCoefficient: 2 },
  nonRetryable: [],
  evidence: { kind: 'record', reference: (_input, output) => `reply/${output.replyId}` },
  needs: {},
  declares: {},
  facts: () => ({}),
  supports: () => [],
  describe: (input) => `answer the customer in ticket ${input.ticketId}`,
  undo: {
    does: 'retract the reply and tell the customer that it no longer holds',
    startToCloseMs: 5_000,
    retry: { maximumAttempts: 10, initialIntervalMs: 200, maximumIntervalMs: 10_000, backoffCoefficient: 2 },
  },
})
