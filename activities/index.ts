import type { ToolImplementation } from '../src/tools/implementation.ts'
import { billingTools } from './billing/index.ts'
import { crmTools } from './crm/index.ts'
import { helpdeskTools } from './helpdesk/index.ts'
import { nextStep, readClaim } from './model/contract.ts'
import { claimByRules } from './model/index.ts'
import { nextStepByRules } from './model/next-step.ts'
import { shippingTools } from './shipping/index.ts'

/** The tools of the sample systems of record, on PostgreSQL. */
export const sampleTools: readonly ToolImplementation[] = [
  ...billingTools,
  ...crmTools,
  ...shippingTools,
  ...helpdeskTools,
]

/** Plain code that answers the thoughts of the shipped playbooks, by the name of the thought, for `createThinker`. */
export const sampleThoughts = { [readClaim.name]: claimByRules, [nextStep.name]: nextStepByRules } as const
