import type { Effect } from '../../contract/action.ts'
import type { Requirement } from '../../contract/approving.ts'
import { canonicalJson } from '../../contract/digest.ts'
import type { Facts } from '../../contract/fact.ts'
import { decide, EFFECTS_BY_FORCE } from '../decide/index.ts'
import type { Policy } from '../types.ts'
import type { AnalysedTool } from './entries.ts'
import { asksOthers, namesPeople, peopleFor, takesIn } from './people.ts'
import { type Box, boxesOf, type Part, partsOf } from './regions.ts'
import { type SettingChange, settingChanges } from './settings.ts'
import { factsAt, type Point, type Space, spaceOf } from './space.ts'

/** Actions of one tool of which two policies say otherwise. */
export interface Region {
  readonly tool: string
  readonly from: Effect
  readonly to: Effect
  /** Who has to approve; nobody where it is not for approval that they wait. */
  readonly requires: { readonly from: readonly Requirement[]; readonly to: readonly Requirement[] }
  /** What the facts have in common; empty: all actions of the tool. */
  readonly where: readonly Part[]
  /** Facts of one of them: what `decide` says of these is `from` and `to`. */
  readonly witness: Facts
}

/** What was compared of one tool. */
export interface ComparedTool {
  readonly space: Space
  readonly regions: readonly Region[]
}

/** How two policies of one playbook differ in what they mean. */
export interface PolicyDiff {
  readonly tools: readonly ComparedTool[]
  readonly settings: readonly SettingChange[]
  /** The limits over time of both: by what the ledger has they decide, so they are in no region. */
  readonly limits: readonly string[]
}

/**
 * Compares what two policies of one playbook say of every action that they can tell apart. Of two that say the same,
 * nothing is compared.
 */
export const diffPolicies = (before: Policy, after: Policy, tools: readonly AnalysedTool[]): PolicyDiff => ({
  tools: canonicalJson(before) === canonicalJson(after) ? [] : tools.map((tool) => compared(before, after, tool)),
  settings: settingChanges(before, after),
  limits: [...new Set([before, after].flatMap(({ limits = [] }) => limits.map(({ id }) => id)))],
})

function compared(before: Policy, after: Policy, tool: AnalysedTool): ComparedTool {
  const space = spaceOf([before, after], tool)
  const areNamed = namesPeople(before) || namesPeople(after)
  const changed = new Map<string, Pick<Region, 'from' | 'to' | 'requires'> & { points: Point[] }>()
  for (const point of space.points) {
    const facts = factsAt(space, point)
    const was = { policy: before, decision: decide(before, tool, facts) }
    const is = { policy: after, decision: decide(after, tool, facts) }
    const [from, to] = [was.decision.effect, is.decision.effect]
    if (from === to && !(areNamed && from === 'require_approval' && asksOthers(was, is))) continue
    const requires = { from: peopleFor(before, was.decision), to: peopleFor(after, is.decision) }
    const key = canonicalJson({ from, to, requires })
    const same = changed.get(key)
    if (same === undefined) changed.set(key, { from, to, requires, points: [point] })
    else same.points.push(point)
  }
  const regions = [...changed.values()].flatMap(({ points, ...what }) =>
    boxesOf(points).map((box): Region => {
      const witness = factsAt(space, shownPoint(box))
      return { tool: tool.name, ...what, where: partsOf(space, box), witness }
    }),
  )
  return { space, regions: regions.toSorted((one, other) => loosening(other) - loosening(one)) }
}

/** Whether whoever meets all of these meets all of the others as well. */
const meets = (all: readonly Requirement[], others: readonly Requirement[]): boolean =>
  others.every((other) => all.some((each) => takesIn(each, other)))

/** More than 0: what is let through that was not, or with fewer people. Those come first. */
function loosening({ from, to, requires }: Region): number {
  if (from !== to) return Math.sign(EFFECTS_BY_FORCE.indexOf(to) - EFFECTS_BY_FORCE.indexOf(from))
  return Number(meets(requires.from, requires.to)) - Number(meets(requires.to, requires.from))
}

/** The point of a box that people are shown: with facts that are known, where there is one. */
const shownPoint = (box: Box): Point => box.map((places) => places.find((at) => at > 0) ?? places[0] ?? 0)

/** Whether two policies mean the same: for certain, and not as far as was looked. */
export const isSame = ({ tools, settings }: PolicyDiff): boolean =>
  settings.length === 0 && tools.every(({ regions, space }) => regions.length === 0 && space.exact)
