import type { FactDeclaration, FactValue } from '../../contract/fact.ts'
import { formatMoney } from '../../contract/money.ts'
import { quoted } from '../decide/words.ts'
import type { Cell, Dimension } from './dimension.ts'
import { joined, type Range, valueAt } from './ranges.ts'
import { patternsOf, type TextPattern, type TextPredicate } from './texts.ts'
import type { Point, Space } from './space.ts'

/** Combinations as one box: of each dimension the places of its cells, ascending. */
export type Box = readonly (readonly number[])[]

/** Up to how many points the best order of merging is looked for. */
const MOST_ORDERED = 5_000

/** Points as few boxes: every point is in exactly one, and nothing else is in any. */
export function boxesOf(points: readonly Point[]): readonly Box[] {
  const [first] = points
  if (first === undefined) return []
  const places = first.map((_, at) => at)
  const orders =
    points.length > MOST_ORDERED ? [places] : places.map((at) => [...places.slice(at), ...places.slice(0, at)])
  const merged = (orders.length === 0 ? [places] : orders).map((order) => mergedIn(order, points))
  return merged.reduce((best, boxes) => (boxes.length < best.length ? boxes : best))
}

function mergedIn(order: readonly number[], points: readonly Point[]): readonly Box[] {
  let boxes: readonly Box[] = points.map((point) => point.map((at) => [at]))
  for (let before = Infinity; boxes.length < before;) {
    before = boxes.length
    for (const place of order) {
      const alike = Map.groupBy(boxes, (box) => box.with(place, []).join('|'))
      boxes = [...alike.values()].map((group) => {
        const [one = []] = group
        return one.with(
          place,
          group.flatMap((box) => box[place] ?? []).toSorted((a, b) => a - b),
        )
      })
    }
  }
  return boxes
}

/** A part of the values of a fact: any of what stands here. */
export interface Part {
  readonly fact: string
  /** Whether it may be not known. */
  readonly unknown: boolean
  /** Whether it may be any value that is known; the lists are empty then. */
  readonly anyKnown: boolean
  readonly ranges: readonly Range[]
  readonly values: readonly (string | boolean)[]
  readonly texts: readonly TextPattern[]
  /** Of `texts`, whose numbers they are. */
  readonly predicates: readonly TextPredicate[]
}

/** What is common to the facts of a box; facts that do not matter are left out. */
export const partsOf = ({ dimensions }: Pick<Space, 'dimensions'>, box: Box): readonly Part[] =>
  dimensions.flatMap((dimension, at) => {
    const places = box[at] ?? []
    return places.length === dimension.cells.length ? [] : [partOf(dimension, places)]
  })

const masksOf = (cells: readonly Cell[]) => cells.flatMap((cell) => (cell.kind === 'text' ? [cell.mask] : []))

function partOf({ fact, cells, predicates }: Dimension, places: readonly number[]): Part {
  const chosen = places.flatMap((at) => cells[at] ?? [])
  const known = chosen.filter((cell) => cell.kind !== 'unknown')
  const unknown = known.length < chosen.length
  const none = { fact, unknown, anyKnown: false, ranges: [], values: [], texts: [], predicates }
  if (known.length === cells.length - 1) return { ...none, anyKnown: true }
  return {
    ...none,
    ranges: rangesAt(cells, places),
    values: known.flatMap((cell) => (cell.kind === 'values' ? cell.values : [])),
    texts: patternsOf(masksOf(known), masksOf(cells), predicates.length),
  }
}

/** Ranges that follow one another are one. */
function rangesAt(cells: readonly Cell[], places: readonly number[]): readonly Range[] {
  const ranges: { range: Range; last: number }[] = []
  for (const at of places) {
    const cell = cells[at]
    if (cell?.kind !== 'range') continue
    const before = ranges.at(-1)
    if (before?.last === at - 1) ranges.splice(-1, 1, { range: joined(before.range, cell.range), last: at })
    else ranges.push({ range: cell.range, last: at })
  }
  return ranges.map(({ range }) => range)
}

/** A value as people read it: `$50.00`, `30 days`, `` `fraud` ``, `standard`, `not known`. */
export function valueText(value: FactValue | undefined, declaration: FactDeclaration): string {
  if (value === undefined) return 'not known'
  if (typeof value === 'object') return formatMoney(value)
  if (declaration.type === 'text') return quoted(String(value))
  return declaration.type === 'number' ? `${String(value)} ${declaration.unit}` : String(value)
}

const MOST_LISTED = 5

/** `a, b or c`; of a longer list the beginning. */
function either(words: readonly string[]): string {
  const shown = words.slice(0, MOST_LISTED)
  const more = words.length - shown.length
  if (more > 0) return `${shown.join(', ')} or ${more} more`
  return [shown.slice(0, -1).join(', '), ...shown.slice(-1)].filter((word) => word !== '').join(' or ')
}

function rangeText({ from, to, fromIncluded, toIncluded }: Range, declaration: FactDeclaration): string {
  if (declaration.type !== 'money' && declaration.type !== 'number') return ''
  const unit = declaration.type === 'number' ? ` ${declaration.unit}` : ''
  const bare = (point: number): string =>
    declaration.type === 'number' ? String(point) : valueText(valueAt(point, declaration), declaration)
  if (from === null && to === null) return 'known'
  if (from === null) return `${toIncluded ? 'up to' : 'less than'} ${bare(to ?? 0)}${unit}`
  if (to === null) return fromIncluded ? `${bare(from)}${unit} or more` : `more than ${bare(from)}${unit}`
  if (from === to) return `${bare(from)}${unit}`
  if (fromIncluded && toIncluded) return `${bare(from)} to ${bare(to)}${unit}`
  return `${fromIncluded ? 'at least' : 'more than'} ${bare(from)} and ${toIncluded ? 'at most' : 'less than'} ${bare(to)}${unit}`
}

const RELATIONS = { contains: 'containing', starts_with: 'starting with', is: 'being' } as const

const wordsText = ({ relation, words }: Pick<TextPredicate, 'relation' | 'words'>): string =>
  `${RELATIONS[relation]} ${either(words.map((word) => quoted(word)))}`

function patternText({ are, areNot }: TextPattern, predicates: readonly TextPredicate[]): string {
  const at = (places: readonly number[]) => places.flatMap((place) => predicates[place] ?? [])
  // What is not so is told together: neither one nor the other.
  const alike = Map.groupBy(at(areNot), ({ relation }) => relation)
  const none = [...alike].map(([relation, group]) =>
    wordsText({ relation, words: group.flatMap((each) => each.words) }),
  )
  return [...at(are).map(wordsText), ...none.map((each) => `not ${each}`)].join(' and ')
}

/** A part in words: `refund_amount_usd $50.00 to $99.99`, `customer_tier standard or plus`, `reason not known`. */
export function partText(part: Part, declaration: FactDeclaration): string {
  const words = [
    ...(part.anyKnown ? ['known'] : []),
    ...part.ranges.map((range) => rangeText(range, declaration)),
    ...(part.values.length === 0 ? [] : [either(part.values.map(String))]),
    ...part.texts.map((pattern) => patternText(pattern, part.predicates)),
    ...(part.unknown ? ['not known'] : []),
  ]
  return `${part.fact} ${words.join(' or ')}`
}
