import { decide } from '../../src/policy/decide/index.ts'
import type { Policy } from '../../src/policy/types.ts'
import { factsOf, QUESTIONS, tool } from '../peers/decisions/question.ts'

/** Decides so often, and tells how many were no `allow`. */
export function decisions(policy: Policy, count: number): number {
  let other = 0
  for (let at = 0; at < count; at++) if (decide(policy, tool, factsOf(at % QUESTIONS)).effect !== 'allow') other++
  return other
}

/** The same, in the sandbox of workflows. */
export async function decideOften(policy: Policy, count: number): Promise<number> {
  return decisions(policy, count)
}
