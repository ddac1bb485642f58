import type { Facts, FactValue } from '../../contract/fact.ts'
import { decide, EFFECTS_BY_FORCE } from '../decide/index.ts'
import type { Policy } from '../types.ts'
import { type Cell, type Dimension, dimensionOf, witnessOf } from './dimension.ts'
import { type AnalysedTool, entriesOf, type Entry } from './entries.ts'

/** Combinations of cells of one tool that are looked at, at most. */
const MOST_POINTS = 200_000
/** And comparisons with operands, so that a policy with long lists takes seconds and not minutes. */
const MOST_COMPARISONS = 2_000_000

/** A combination: of each dimension the place of a cell. */
export type Point = readonly number[]

/** All that policies can tell apart among the actions of one tool. */
export interface Space {
  readonly tool: AnalysedTool
  /** What in the policies speaks of the tool. */
  readonly entries: readonly Entry[]
  readonly dimensions: readonly Dimension[]
  /** How many combinations of cells there are. */
  readonly size: number
  /** Those that are looked at; may be gone through more than once. */
  readonly points: Iterable<Point>
  /** How many these are. */
  readonly looked: number
  /** Whether every action that can be is in one of the points. */
  readonly exact: boolean
}

/** A fact value for each cell of a point; what is not known is absent. */
export function factsAt({ dimensions }: Pick<Space, 'dimensions'>, point: Point): Facts {
  const facts: Record<string, FactValue> = {}
  for (const [at, dimension] of dimensions.entries()) {
    const cell = dimension.cells[point[at] ?? 0]
    const value = cell === undefined ? undefined : witnessOf(dimension, cell)
    if (value !== undefined) facts[dimension.fact] = value
  }
  return facts
}

/**
 * Cuts what the policies ask of a tool into cells. Facts of which none of them speaks are left out: they change nothing.
 * At most `mostPoints` combinations are looked at.
 */
export function spaceOf(policies: readonly Policy[], tool: AnalysedTool, mostPoints = MOST_POINTS): Space {
  const entries = policies.flatMap((policy) => entriesOf(policy).filter((entry) => entry.speaksOf(tool)))
  const spoken = new Set(entries.flatMap(({ facts }) => facts))
  const tests = entries.flatMap((entry) => entry.tests)
  const dimensions = Object.entries(tool.declares).flatMap(([fact, declaration]) =>
    spoken.has(fact)
      ? [
          dimensionOf(
            fact,
            declaration,
            tests.filter((test) => test.fact === fact),
          ),
        ]
      : [],
  )
  const size = dimensions.reduce((product, { cells }) => product * cells.length, 1)
  const weight = entries.length + tests.reduce((sum, { operands }) => sum + operands.length, 0)
  const most = Math.max(1_000, Math.min(mostPoints, Math.floor(MOST_COMPARISONS / (weight + 1))))
  const isWhole = size <= most
  const sketch = { tool, entries, dimensions, size }
  if (!isWhole) {
    const points = samplesOf({ ...sketch, policies }, most)
    return { ...sketch, points, looked: points.length, exact: false }
  }
  const choices = dimensions.map(({ cells }) => indexes(cells))
  const points = { [Symbol.iterator]: () => productOf(choices) }
  return { ...sketch, points, looked: size, exact: dimensions.every(({ exact }) => exact) }
}

const indexes = (cells: readonly Cell[]): readonly number[] => cells.map((_, at) => at)

/** Every combination of one of each, the last of them changing first. */
function* productOf(choices: readonly (readonly number[])[]): Generator<Point, undefined> {
  const [first, ...rest] = choices
  if (first === undefined) yield []
  else for (const at of first) for (const point of productOf(rest)) yield [at, ...point]
}

interface Sampling extends Pick<Space, 'tool' | 'entries' | 'dimensions'> {
  readonly policies: readonly Policy[]
}

/**
 * Where there are too many combinations: facts that one rule combines are varied together, all others stand at the
 * value of which the policies say least. Facts that are too many even so are varied two at a time.
 */
function samplesOf(sampling: Sampling, most: number): readonly Point[] {
  const { dimensions } = sampling
  const quiet = quietest(sampling)
  const points = new Map<string, Point>()
  const vary = (places: readonly number[]): void => {
    const choices = dimensions.map(({ cells }, at) => (places.includes(at) ? indexes(cells) : [quiet[at] ?? 0]))
    if (choices.reduce((product, { length }) => product * length, 1) > most) {
      if (places.length > 2) for (const pair of pairsOf(places)) vary(pair)
      return
    }
    for (const point of productOf(choices)) {
      if (points.size >= most) return
      points.set(point.join(' '), point)
    }
  }
  for (const places of combined(sampling)) vary(places)
  return [...points.values()]
}

const pairsOf = (places: readonly number[]): readonly (readonly number[])[] =>
  places.flatMap((one, at) => places.slice(at + 1).map((other) => [one, other]))

/** The facts that each entry combines, without those that another one combines as well. */
function combined({ entries, dimensions }: Sampling): readonly (readonly number[])[] {
  const groups = entries.map(({ facts }) => dimensions.flatMap(({ fact }, at) => (facts.includes(fact) ? [at] : [])))
  const unlike = [...new Map(groups.map((group) => [group.join(' '), group])).values()]
  return unlike.filter(
    (group) => !unlike.some((other) => other.length > group.length && group.every((at) => other.includes(at))),
  )
}

function quietest({ policies, tool, dimensions }: Sampling): Point {
  const quiet = dimensions.map(({ cells }) => Math.min(1, cells.length - 1))
  const noise = (point: Point): number => {
    const facts = factsAt({ dimensions }, point)
    const matches = policies.flatMap((policy) => decide(policy, tool, facts).matches)
    return matches.reduce((sum, { effect }) => sum + 10 ** (3 - EFFECTS_BY_FORCE.indexOf(effect)), 0)
  }
  for (const [at, { cells }] of dimensions.entries()) {
    const noises = indexes(cells).map((cell) => noise(quiet.with(at, cell)))
    quiet[at] = noises.indexOf(Math.min(...noises))
  }
  return quiet
}
