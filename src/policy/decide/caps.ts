import type { Money } from '../../contract/money.ts'
import type { Limit } from '../../contract/raise.ts'
import type { Caps, Policy, ValueCaps } from '../types.ts'

/** The highest entry that a value reaches; `undefined`: the caps of the policy itself hold. */
export function valueCapsOf({ budget }: Policy, value: Money | undefined): ValueCaps | undefined {
  if (value === undefined || value.currency !== 'USD') return undefined
  return budget.byValue?.findLast(({ atLeast }) => value.cents >= atLeast.cents)
}

/** One of the caps: micro-dollars, or tool calls. */
export const capOf = (caps: Caps, limit: Limit): number | null =>
  limit === 'model_budget' ? caps.modelBudgetMicroUsd : caps.maxToolCalls
