import type { Facts } from '../../contract/fact.ts'
import { decide } from '../decide/index.ts'
import { testsOf } from '../decide/rule.ts'
import { judge } from '../decide/trigger.ts'
import type { Condition, Policy, Trigger } from '../types.ts'
import type { AnalysedTool, Entry } from './entries.ts'
import { factsAt, spaceOf } from './space.ts'

/** A rule that combines more facts than this can tell apart is not looked at. */
const MOST_POINTS = 5_000

/** A condition that nothing fulfils, and facts that come nearest to it. */
export interface Dead {
  /** `null`: the entry as a whole; else the part of an `any`, from 1. */
  readonly part: number | null
  readonly tool: AnalysedTool
  readonly nearest: Facts
  readonly hold: readonly Trigger[]
  readonly failing: readonly Trigger[]
}

/** What in an entry can never be true: the whole, or parts of an `any` in it. */
export function deadIn(policy: Policy, entry: Entry, tools: readonly AnalysedTool[]): readonly Dead[] {
  if (entry.when === null) return []
  const spoken = tools.filter((tool) => entry.speaksOf(tool))
  const whole = deadWhole(policy, entry.when, spoken)
  if (whole !== undefined) return [{ part: null, ...whole }]
  return partsOfAny(entry.when).flatMap((condition, at) => {
    const dead = deadWhole(policy, condition, spoken)
    return dead === undefined ? [] : [{ part: at + 1, ...dead }]
  })
}

/** The conditions of which one must hold, in the order of the file. */
function partsOfAny(condition: Condition): readonly Condition[] {
  if ('test' in condition || 'cel' in condition) return []
  if ('not' in condition) return partsOfAny(condition.not)
  if ('all' in condition) return condition.all.flatMap(partsOfAny)
  return condition.any.flatMap((part) => [part, ...partsOfAny(part)])
}

/** Asks the code that decides: a rule of this condition alone. */
function deadWhole(policy: Policy, when: Condition, tools: readonly AnalysedTool[]): Omit<Dead, 'part'> | undefined {
  const rule = { id: 'rules.asked', effect: 'allow' as const, when, because: null }
  const asked: Policy = {
    ...policy,
    denyIf: [],
    requiresApprovalIf: [],
    rules: [rule],
    trust: { ...policy.trust, atLeast: [] },
  }
  const tests = testsOf(when)
  let best: Omit<Dead, 'part'> | undefined
  for (const tool of tools) {
    const space = spaceOf([asked], tool, MOST_POINTS)
    if (!space.exact) return undefined
    for (const point of space.points) {
      const facts = factsAt(space, point)
      if (decide(asked, tool, facts).matches.some(({ rule: id, effect }) => id === rule.id && effect === 'allow')) {
        return undefined
      }
      const hold = tests.filter((test) => isTrue(test, tool, facts))
      if (best !== undefined && nearness(hold, facts) <= nearness(best.hold, best.nearest)) continue
      best = { tool, nearest: facts, hold, failing: tests.filter((test) => !hold.includes(test)) }
    }
  }
  return best
}

/** More tests that hold are nearer; of as many, more facts that are known. */
const nearness = (hold: readonly Trigger[], facts: Facts): number => 100 * hold.length + Object.keys(facts).length

function isTrue(test: Trigger, { declares }: AnalysedTool, facts: Facts): boolean {
  const declaration = declares[test.fact]
  return declaration !== undefined && judge(test, 'allow', declaration, facts[test.fact])?.effect === 'allow'
}
