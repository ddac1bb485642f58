import type { Facts, FactValue } from '../../contract/fact.ts'
import { decide, EFFECTS_BY_FORCE } from '../decide/index.ts'
import type { Policy, Trigger } from '../types.ts'
import { cutsOf } from './cuts.ts'
import { type Cell, type Dimension, dimensionOf, saidOf, witnessOf } from './dimension.ts'
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
  /** The rules that compute with CEL, as on the record: what they say of a point may not be so of all that it stands for. */
  readonly cel: readonly string[]
  /** Whether every action that can be is in one of the points, and decided as that is. */
  readonly exact: boolean
}

/** What an entry asks of a fact, and where its expressions may turn. */
const askedBy = (entry: Entry, { declares }: AnalysedTool): readonly Trigger[] => [
  ...entry.tests,
  ...entry.expressions.flatMap((expression) => cutsOf(expression, declares)),
]

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
  const tests = entries.flatMap((entry) => askedBy(entry, tool))
  const cel = [...new Set(entries.flatMap(({ id, expressions }) => (expressions.length === 0 ? [] : [id])))]
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
  const sketch = { tool, entries, dimensions, size, cel }
  if (!isWhole) {
    const points = samplesOf({ ...sketch, policies }, most)
    return { ...sketch, points, looked: points.length, exact: false }
  }
  const choices = dimensions.map(({ cells }) => indexes(cells))
  const points = { [Symbol.iterator]: () => productOf(choices) }
  return { ...sketch, points, looked: size, exact: cel.length === 0 && dimensions.every(({ exact }) => exact) }
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
 * Where there are too many combinations: the facts that one entry combines are varied together, all others stand at the
 * value of which the policies say least. First those of entries that are not in every policy; until so many are found.
 */
function samplesOf(sampling: Sampling, most: number): readonly Point[] {
  const { tool, dimensions, entries, policies } = sampling
  const quiet = quietest(sampling)
  const points = new Map<string, Point>([[quiet.join(' '), quiet]])
  const named = [...Map.groupBy(entries, ({ id }) => id).values()]
  const isChanged = (group: readonly Entry[]): boolean =>
    group.length < policies.length || new Set(group.map(({ effect, when }) => JSON.stringify([effect, when]))).size > 1
  for (const group of [...named.filter(isChanged), ...named.filter((each) => !isChanged(each))]) {
    const tests = group.flatMap((entry) => askedBy(entry, tool))
    const choices = dimensions.map((dimension, at) =>
      group.some(({ facts }) => facts.includes(dimension.fact)) ? toldApart(dimension, tests) : [quiet[at] ?? 0],
    )
    for (const point of productOf(choices)) {
      if (points.size >= most) return [...points.values()]
      points.set(point.join(' '), point)
    }
  }
  return [...points.values()]
}

/** One cell of all that these tests do not tell apart; on the line the first and last of each stretch of them. */
function toldApart(dimension: Dimension, tests: readonly Trigger[]): readonly number[] {
  const own = tests.filter(({ fact }) => fact === dimension.fact)
  const says = dimension.cells.map((cell) => saidOf(own, dimension.declaration, witnessOf(dimension, cell)))
  const isNew = (at: number): boolean =>
    dimension.cells[at]?.kind === 'range'
      ? says[at] !== says[at - 1] || says[at] !== says[at + 1]
      : says.indexOf(says[at] ?? '') === at
  return indexes(dimension.cells).filter((at) => at <= 1 || isNew(at))
}

function quietest({ policies, tool, dimensions }: Sampling): Point {
  const quiet = dimensions.map(({ cells }) => Math.min(1, cells.length - 1))
  const noise = (point: Point): number => {
    const facts = factsAt({ dimensions }, point)
    const matches = policies.flatMap((policy) => decide(policy, tool, facts).matches)
    return matches.reduce(
      (sum, { effect }) => sum + 10 ** (EFFECTS_BY_FORCE.length - 1 - EFFECTS_BY_FORCE.indexOf(effect)),
      0,
    )
  }
  for (const [at, { cells }] of dimensions.entries()) {
    const noises = indexes(cells).map((cell) => noise(quiet.with(at, cell)))
    quiet[at] = noises.indexOf(Math.min(...noises))
  }
  return quiet
}
