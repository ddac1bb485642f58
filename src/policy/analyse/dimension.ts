import type { FactDeclaration, FactValue } from '../../contract/fact.ts'
import { judge } from '../decide/trigger.ts'
import type { Trigger } from '../types.ts'
import { isInRange, joined, nearestIn, pointOf, type Range, rangesOf, valueAt } from './ranges.ts'
import { type Mask, maskOf, predicatesOf, type TextPredicate, textKinds } from './texts.ts'

/** Values of a fact of which no test tells one from another. */
export type Cell =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'range'; readonly range: Range }
  | { readonly kind: 'values'; readonly values: readonly (string | boolean)[] }
  | { readonly kind: 'text'; readonly mask: Mask; readonly witness: string }

/** A fact, and its values cut into cells: the first is that it is not known, ranges come in their order. */
export interface Dimension {
  readonly fact: string
  readonly declaration: FactDeclaration
  readonly cells: readonly Cell[]
  /** Of text; otherwise none. */
  readonly predicates: readonly TextPredicate[]
  /** Whether every value of the fact is in one of the cells. */
  readonly exact: boolean
}

/** What tests of one fact say of a value, by the code that decides. */
export const saidOf = (tests: readonly Trigger[], declaration: FactDeclaration, value: FactValue | undefined): string =>
  tests.map((test) => judge(test, 'allow', declaration, value)?.effect ?? '-').join(' ')

/** Cuts the values of a fact into cells, by all tests that are asked of it. */
export function dimensionOf(fact: string, declaration: FactDeclaration, tests: readonly Trigger[]): Dimension {
  const saying = (value: FactValue): string => saidOf(tests, declaration, value)
  const unknown: Cell = { kind: 'unknown' }
  switch (declaration.type) {
    case 'money':
    case 'number': {
      const thresholds = tests.flatMap(({ operator, operands }) => (operator === 'exists' ? [] : operands.map(pointOf)))
      const merged: { range: Range; says: string }[] = []
      for (const range of rangesOf(thresholds, declaration)) {
        const says = saying(valueAt(range.at, declaration))
        const last = merged.at(-1)
        if (last?.says === says) merged.splice(-1, 1, { range: joined(last.range, range), says })
        else merged.push({ range, says })
      }
      const cells = merged.map(({ range }): Cell => ({ kind: 'range', range }))
      return { fact, declaration, cells: [unknown, ...cells], predicates: [], exact: true }
    }
    case 'enum':
    case 'boolean': {
      const values: readonly (string | boolean)[] = declaration.type === 'enum' ? declaration.values : [false, true]
      const alike = [...Map.groupBy(values, saying).values()]
      const cells = alike.map((group): Cell => ({ kind: 'values', values: group }))
      return { fact, declaration, cells: [unknown, ...cells], predicates: [], exact: true }
    }
    case 'text': {
      const predicates = predicatesOf(tests)
      const { kinds, exact } = textKinds(predicates)
      const cells = kinds.map((kind): Cell => ({ kind: 'text', ...kind }))
      return { fact, declaration, cells: [unknown, ...cells], predicates, exact }
    }
  }
}

/** A value that stands for its cell; `undefined`: the fact is not known. */
export function witnessOf({ declaration }: Dimension, cell: Cell): FactValue | undefined {
  switch (cell.kind) {
    case 'unknown':
      return undefined
    case 'range':
      return declaration.type === 'money' || declaration.type === 'number'
        ? valueAt(cell.range.at, declaration)
        : undefined
    case 'values':
      return cell.values[0]
    case 'text':
      return cell.witness
  }
}

/** Whether a value of the declared type is in a cell. */
export function isInCell({ predicates }: Dimension, cell: Cell, value: FactValue | undefined): boolean {
  if (value === undefined) return cell.kind === 'unknown'
  switch (cell.kind) {
    case 'unknown':
      return false
    case 'range':
      return isInRange(cell.range, pointOf(value))
    case 'values':
      return cell.values.some((each) => each === value)
    case 'text':
      return typeof value === 'string' && maskOf(predicates, value) === cell.mask
  }
}

/** A value of a cell that differs as little as can be told from another value. */
export function nearestOf(dimension: Dimension, cell: Cell, value: FactValue | undefined): FactValue | undefined {
  const { declaration, predicates } = dimension
  const witness = witnessOf(dimension, cell)
  if (value === undefined) return witness
  if (cell.kind === 'range' && (declaration.type === 'money' || declaration.type === 'number')) {
    return valueAt(nearestIn(cell.range, pointOf(value)), declaration)
  }
  if (cell.kind !== 'text' || typeof value !== 'string') return witness
  const own = maskOf(predicates, value)
  const added = predicates.filter(
    ({ relation }, at) => relation === 'contains' && ((cell.mask & ~own) >> BigInt(at)) % 2n === 1n,
  )
  const longer = [value, ...added.map(({ words }) => words[0] ?? '')].join(' ')
  return maskOf(predicates, longer) === cell.mask ? longer : witness
}

/** How far a value is from another one of its fact: cents, units, or 1. */
export const distanceOf = (one: FactValue | undefined, other: FactValue | undefined): number =>
  (typeof one === 'object' || typeof one === 'number') && (typeof other === 'object' || typeof other === 'number')
    ? Math.abs(pointOf(one) - pointOf(other))
    : 1
