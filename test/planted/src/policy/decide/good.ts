// accepted
import { cents } from '../../contract/good.ts'
import type { Policy } from '../types.ts'

export const decide = (policy: Policy, amount: number): 'allow' | 'deny' =>
  cents(amount) > policy.limit ? 'deny' : 'allow'
