import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import cedar from '@cedar-policy/cedar-wasm/nodejs'
import { loadPolicy as loadWasm } from '@open-policy-agent/opa-wasm'
import type { Facts, FactValue } from '../../../src/contract/fact.ts'
import type { Money } from '../../../src/contract/money.ts'
import { normaliseText } from '../../../src/contract/plain-text.ts'
import { decide } from '../../../src/policy/decide/index.ts'
import type { Policy } from '../../../src/policy/types.ts'
import { tool } from './question.ts'

/** What every engine answers: the decision, and all the rules that matched, each with the value that made it match. */
export interface Answer {
  readonly effect: string
  readonly matches: readonly { readonly rule: string; readonly value?: FactValue | undefined }[]
}
export type Engine = (facts: Facts) => Answer

const here = (name: string): string => join(import.meta.dirname, name)
const cents = (facts: Facts): number => (facts['refund_amount_usd'] as Money).cents
const text = (facts: Facts): string => normaliseText(String(facts['reason']))

export const ours =
  (policy: Policy): Engine =>
  (facts) =>
    decide(policy, tool, facts)

/** Rego, compiled to WebAssembly. It has no NFKC, so the text is normalised before, by the same function as ours. */
export async function opa(): Promise<Engine> {
  const policy = await loadWasm(readFileSync(here('refund.wasm')))
  return (facts) => {
    const input = { refund_amount_usd: cents(facts), customer_tier: facts['customer_tier'], reason: text(facts) }
    const [answer] = policy.evaluate(input) as [{ result: Answer }]
    return answer.result
  }
}

const CEDAR = {
  allow: 'permit (principal, action, resource);',
  'deny_if.reason_contains': `forbid (principal, action == Action::"refund", resource)
    when { context.reason like "*chargeback retaliation*" || context.reason like "*fraud*" };`,
  'requires_approval_if.refund_amount_usd_gte': `forbid (principal, action == Action::"refund_alone", resource)
    when { context.refund_amount_usd >= 5000 };`,
  'requires_approval_if.customer_tier_in': `forbid (principal, action == Action::"refund_alone", resource)
    when { ["enterprise"].contains(context.customer_tier) };`,
} as const
const FACT_OF: Readonly<Record<string, string>> = {
  'deny_if.reason_contains': 'reason',
  'requires_approval_if.refund_amount_usd_gte': 'refund_amount_usd',
  'requires_approval_if.customer_tier_in': 'customer_tier',
}

/** Cedar knows yes and no, so it is asked twice: may it be done at all, and may it be done alone. Policies are parsed once. */
export function cedarEngine(): Engine {
  const parsed = cedar.preparsePolicySet('refund', { staticPolicies: CEDAR })
  if (parsed.type !== 'success') throw new Error(JSON.stringify(parsed.errors))
  const forbids = (action: string, context: Record<string, string | number>): readonly string[] => {
    const answer = cedar.statefulIsAuthorized({
      principal: { type: 'User', id: 'ana' },
      action: { type: 'Action', id: action },
      resource: { type: 'Payment', id: 'pay_1' },
      context,
      preparsedPolicySetId: 'refund',
      entities: [],
    })
    if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors))
    const { decision, diagnostics } = answer.response
    return decision === 'deny' ? diagnostics.reason : []
  }
  return (facts) => {
    const context = {
      refund_amount_usd: cents(facts),
      customer_tier: String(facts['customer_tier']),
      reason: text(facts),
    }
    const denied = forbids('refund', context)
    const asked = forbids('refund_alone', context)
    const matches = [...denied, ...asked].map((rule) => ({ rule, value: facts[FACT_OF[rule] ?? ''] }))
    if (denied.length > 0) return { effect: 'deny', matches }
    return { effect: asked.length > 0 ? 'require_approval' : 'allow', matches }
  }
}
