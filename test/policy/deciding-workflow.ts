import type { Effect } from '../../src/contract/action.ts'
import { canonicalJson } from '../../src/contract/digest.ts'
import type { Facts } from '../../src/contract/fact.ts'
import { decide } from '../../src/policy/decide/index.ts'
import type { Policy } from '../../src/policy/types.ts'
import { pay } from './pay-facts.ts'

/** What policies decide of payments, in the sandbox of workflows: effects and all that matched, as canonical JSON. */
export async function decideAll(asked: readonly { readonly policy: Policy; readonly facts: Facts }[]) {
  return asked.map(({ policy, facts }): { readonly effect: Effect; readonly told: string } => {
    const decision = decide(policy, pay, facts)
    return { effect: decision.effect, told: canonicalJson(decision) }
  })
}
