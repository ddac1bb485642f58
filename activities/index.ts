import type { ToolImplementation } from '../src/tools/implementation.ts'
import { billingTools } from './billing/index.ts'
import { crmTools } from './crm/index.ts'
import { helpdeskTools } from './helpdesk/index.ts'
import { shippingTools } from './shipping/index.ts'

/** The tools of the sample systems of record, on PostgreSQL. */
export const sampleTools: readonly ToolImplementation[] = [
  ...billingTools,
  ...crmTools,
  ...shippingTools,
  ...helpdeskTools,
]
