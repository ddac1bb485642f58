import type { Decision, Effect } from '../../contract/action.ts'
import type { Facts, FactValue } from '../../contract/fact.ts'
import { EFFECTS_BY_FORCE } from '../decide/index.ts'
import type { Dimension } from './dimension.ts'
import type { AnalysedTool, Entry } from './entries.ts'
import { isInRange, joined, nearestIn, pointOf, type Range, valueAt } from './ranges.ts'
import type { Point, Space } from './space.ts'

/** One value of a fact, or the cents between two whole amounts, decided more weakly than what is below and above. */
export interface Gap {
  readonly tool: AnalysedTool
  readonly dimension: Dimension
  readonly range: Range
  /** How it is decided, below it and above it, and what decides there. */
  readonly at: Effect
  readonly below: Side
  readonly above: Side
  readonly facts: Facts
}

export interface Side {
  readonly value: FactValue
  readonly effect: Effect
  readonly by: string | null
}

const force = ({ effect }: Decision): number => EFFECTS_BY_FORCE.length - EFFECTS_BY_FORCE.indexOf(effect)

/** The gaps that thresholds leave, each once, though it may be there of many other facts. */
export function gapsIn(
  space: Space,
  decided: (point: Point) => Decision,
  factsOf: (point: Point) => Facts,
): readonly Gap[] {
  return space.dimensions.flatMap((dimension, place) => {
    const { type } = dimension.declaration
    if ((type !== 'money' && type !== 'number') || dimension.cells.length < 4) return []
    const found = new Map<string, Gap>()
    for (const point of space.points) {
      // Where another fact is not known, that denies.
      if (point[place] !== 1 || point.includes(0)) continue
      for (const gap of gapsAlong(space, dimension, point, place, decided, factsOf)) {
        const key = `${gap.range.from} ${gap.range.to}`
        if (!found.has(key)) found.set(key, gap)
      }
    }
    return [...found.values()]
  })
}

/** Along one fact, the others being what they are. */
function gapsAlong(
  { tool, entries }: Space,
  dimension: Dimension,
  point: Point,
  place: number,
  decided: (point: Point) => Decision,
  factsOf: (point: Point) => Facts,
): readonly Gap[] {
  const { declaration, cells, fact } = dimension
  if (declaration.type !== 'money' && declaration.type !== 'number') return []
  const runs: { range: Range; first: number; last: number; decision: Decision }[] = []
  for (const [at, cell] of cells.entries()) {
    if (cell.kind !== 'range') continue
    const decision = decided(point.with(place, at))
    const run = runs.at(-1)
    if (run?.decision.effect === decision.effect) {
      runs.splice(-1, 1, { ...run, range: joined(run.range, cell.range), last: at })
    } else runs.push({ range: cell.range, first: at, last: at, decision })
  }
  return runs.flatMap(({ range, first, decision }, at): readonly Gap[] => {
    const [before, after] = [runs[at - 1], runs[at + 1]]
    if (before === undefined || after === undefined || !isSmall(range, declaration.type === 'money')) return []
    if (force(before.decision) <= force(decision) || force(after.decision) <= force(decision)) return []
    if (isNamed(entries, fact, range)) return []
    const side = (next: typeof before, cell: number): Side => {
      const own = decided(point.with(place, cell))
      const value = valueAt(nearestIn(next.range, range.at), declaration)
      return { value, effect: own.effect, by: decidingBy(entries, own, fact) }
    }
    return [
      {
        tool,
        dimension,
        range,
        at: decision.effect,
        below: side(before, before.last),
        above: side(after, after.first),
        facts: factsOf(point.with(place, first)),
      },
    ]
  })
}

/** One value; of money also what lies between two whole amounts. */
const isSmall = ({ from, to }: Range, isMoney: boolean): boolean => {
  if (from === null || to === null) return false
  return (
    from === to ||
    (isMoney &&
      to - from < 99 &&
      Math.floor(from / 100) === Math.floor(to / 100) &&
      from % 100 === 1 &&
      to % 100 === 99)
  )
}

/** Whether a test speaks of exactly this value: then it is meant. */
const isNamed = (entries: readonly Entry[], fact: string, range: Range): boolean =>
  entries.some(({ tests }) =>
    tests.some(
      (test) =>
        test.fact === fact &&
        ['eq', 'ne', 'in', 'not_in'].includes(test.operator) &&
        test.operands.some((operand) => isInRange(range, pointOf(operand))),
    ),
  )

const decidingBy = (entries: readonly Entry[], { effect, matches }: Decision, fact: string): string | null =>
  matches.find(
    (match) => match.effect === effect && entries.some(({ id, facts }) => id === match.rule && facts.includes(fact)),
  )?.rule ?? null
