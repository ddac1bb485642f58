import type { Match } from '../../contract/action.ts'
import { type FactDeclaration, type FactValue, isTrustedLess, type Trust } from '../../contract/fact.ts'
import type { Policy, TrustDemand } from '../types.ts'
import { comparableOf, undecidable } from './trigger.ts'
import { stated } from './words.ts'

const DEMANDED: Readonly<Record<Trust, string>> = {
  model: "a model's word",
  request: "the caller's word or better",
  record: 'a record',
}

/**
 * What a demand says of an action whose contract declares its fact; `undefined` when the fact is trusted enough. A fact
 * that is not known, and a value of another type than was declared, are denied.
 */
export function distrust(
  { id: rule, fact, trust: demanded }: TrustDemand,
  effect: Policy['trust']['onLess'],
  declaration: FactDeclaration,
  value: FactValue | undefined,
): Match | undefined {
  const { trust } = declaration
  if (!isTrustedLess(trust, demanded)) return undefined
  const match = { rule, fact, trust, threshold: demanded }
  if (value === undefined) return { ...match, effect: 'deny', because: `${fact} is not known` }
  try {
    comparableOf(value, declaration)
    const because = `${stated(fact, value, declaration)}, where the policy demands ${DEMANDED[demanded]}`
    return { ...match, effect, value, because }
  } catch {
    return undecidable(rule, fact, declaration)
  }
}
