// accepted
import { workflowInfo } from '@temporalio/workflow'
import { cents } from '../../src/contract/good.ts'
import { decide } from '../../src/policy/decide/good.ts'
import type { Policy } from '../../src/policy/types.ts'

const policy: Policy = { limit: 100 }

export const propose = (amount: number): string => `${workflowInfo().workflowId} ${decide(policy, cents(amount))}`
