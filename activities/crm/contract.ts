import { z } from 'zod'
import { pii, subject } from '../../src/contract/classes.ts'
import { readTool } from '../../src/contract/tool.ts'

export const CUSTOMER_TIERS = ['standard', 'plus', 'enterprise'] as const
export type CustomerTier = (typeof CUSTOMER_TIERS)[number]

/** `cus_1001` */
export const customerId = z.string().regex(/^cus_[a-z0-9]{1,40}$/, 'must look like `cus_1001`')

/** Who a customer is and how they are served. Unknown → `not_found`. */
export const getCustomer = readTool({
  name: 'crm.getCustomer',
  title: 'look the customer up',
  input: z.strictObject({ customerId: subject(customerId) }),
  output: z.strictObject({
    id: subject(customerId),
    name: pii(z.string(), 'name'),
    email: pii(z.string(), 'email'),
    tier: z.enum(CUSTOMER_TIERS),
  }),
  scopes: ['crm:read'],
  risk: 'low',
  local: true,
  startToCloseMs: 5_000,
  retry: { maximumAttempts: 5, initialIntervalMs: 200, maximumIntervalMs: 5_000, backoffCoefficient: 2 },
  nonRetryable: [],
  evidence: { kind: 'record', reference: (input) => `customer/${input.customerId}` },
})
