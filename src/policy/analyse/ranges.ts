import type { FactDeclaration, FactValue } from '../../contract/fact.ts'
import { money } from '../../contract/money.ts'
import type { Operand } from '../types.ts'

type Ordered = Extract<FactDeclaration, { type: 'money' | 'number' }>

/** A stretch of the line on which money (in cents, both ends included) and numbers lie. `null`: it has no end there. */
export interface Range {
  readonly from: number | null
  readonly to: number | null
  /** Whether an end belongs to it; always, of money. */
  readonly fromIncluded: boolean
  readonly toIncluded: boolean
  /** A value in it, as near to the threshold as the finest step allows. */
  readonly at: number
}

/** Where a value lies on the line. */
export const pointOf = (value: Operand): number => (typeof value === 'object' ? value.cents : Number(value))

/** The value of a fact that lies there. */
export const valueAt = (point: number, declaration: Ordered): FactValue =>
  declaration.type === 'money' ? money(declaration.currency, point) : point

/** One cent; of numbers the last decimal that a threshold has. */
const decimalsOf = (points: readonly number[]): number => {
  const digits = points.map((point) => /\.(\d+)$/.exec(String(point))?.[1]?.length ?? 0)
  return Math.min(15, Math.max(0, ...digits))
}

/** The threshold and so many steps; beyond what a float can tell apart, the nearest that it can. */
function stepped(point: number, sign: 1 | -1, decimals: number): number {
  const next = Number((point + sign * 10 ** -decimals).toFixed(decimals))
  return sign * (next - point) > 0 ? next : point + sign * Math.max(1, Math.abs(point)) * 2 ** -50
}

/**
 * Cuts the line at thresholds: each of them alone, and what lies below, between and above. Whatever compares a value
 * with these thresholds only says the same of all values of one range.
 */
export function rangesOf(thresholds: readonly number[], declaration: Ordered): readonly Range[] {
  const points = [...new Set(thresholds)].toSorted((a, b) => a - b)
  const isMoney = declaration.type === 'money'
  const decimals = isMoney ? 0 : decimalsOf(points)
  const [first] = points
  const last = points.at(-1)
  if (first === undefined || last === undefined) {
    return [{ from: null, to: null, fromIncluded: true, toIncluded: true, at: isMoney ? 100 : 1 }]
  }
  const ends = { fromIncluded: isMoney, toIncluded: isMoney }
  const below = stepped(first, -1, decimals)
  const above = stepped(last, 1, decimals)
  return [
    { ...ends, from: null, to: isMoney ? below : first, fromIncluded: true, at: below },
    ...points.flatMap((point, at): Range[] => {
      const alone: Range = { from: point, to: point, fromIncluded: true, toIncluded: true, at: point }
      const next = points[at + 1]
      return next === undefined ? [alone] : [alone, ...between(point, next, decimals, isMoney)]
    }),
    { ...ends, from: isMoney ? above : last, to: null, toIncluded: true, at: above },
  ]
}

function between(low: number, high: number, decimals: number, isMoney: boolean): readonly Range[] {
  if (isMoney) {
    return high - low < 2 ? [] : [{ from: low + 1, to: high - 1, fromIncluded: true, toIncluded: true, at: low + 1 }]
  }
  const next = stepped(low, 1, decimals)
  const at = next < high ? next : low + (high - low) / 2
  return at > low && at < high ? [{ from: low, to: high, fromIncluded: false, toIncluded: false, at }] : []
}

/** Two ranges that touch, as one. */
export const joined = (low: Range, high: Range): Range => ({
  from: low.from,
  fromIncluded: low.fromIncluded,
  to: high.to,
  toIncluded: high.toIncluded,
  // What has no lower end is shown by its highest value: the one beside the threshold.
  at: low.from === null ? high.at : low.at,
})

export const isInRange = ({ from, to, fromIncluded, toIncluded }: Range, point: number): boolean =>
  (from === null || point > from || (fromIncluded && point === from)) &&
  (to === null || point < to || (toIncluded && point === to))

/** The value of a range that is nearest to a value outside it. */
export function nearestIn(range: Range, point: number): number {
  const { from, to, fromIncluded, toIncluded, at } = range
  if (isInRange(range, point)) return point
  const decimals = decimalsOf([point, at, from ?? 0, to ?? 0])
  const low = from === null ? at : fromIncluded ? from : stepped(from, 1, decimals)
  const high = to === null ? at : toIncluded ? to : stepped(to, -1, decimals)
  const near = from !== null && point <= from ? low : high
  return isInRange(range, near) ? near : at
}
