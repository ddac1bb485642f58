import { normaliseText } from '../../contract/plain-text.ts'
import type { Operator, Trigger } from '../types.ts'

/** How a text is asked for words; `is`: of `eq`, `ne`, `in` and `not_in`. */
export type TextRelation = 'contains' | 'starts_with' | 'is'

/**
 * Words that all tests of the policies treat alike: a predicate that is true when any of them is found. What the tests
 * say of a text follows from which predicates are true of it.
 */
export interface TextPredicate {
  readonly relation: TextRelation
  /** As the policy has them, and as they are compared. */
  readonly words: readonly string[]
  readonly needles: readonly string[]
}

/** A set of predicates: bit `n` is the predicate at `n`. */
export type Mask = bigint

/** A kind of text: which predicates are true of it, and one such text. */
export interface TextKind {
  readonly mask: Mask
  readonly witness: string
}

const MOST_EXACT = 10
const MOST_COMPARISONS = 20_000_000

const relationOf = (operator: Operator): TextRelation | undefined => {
  if (operator === 'exists') return undefined
  if (operator === 'contains' || operator === 'contains_any') return 'contains'
  return operator === 'starts_with' ? 'starts_with' : 'is'
}

/** The predicates of some tests of one text: words that stand in the same tests are one predicate. */
export function predicatesOf(tests: readonly Trigger[]): readonly TextPredicate[] {
  const words = new Map<string, { relation: TextRelation; word: string; needle: string; tests: number[] }>()
  for (const [at, { operator, operands }] of tests.entries()) {
    const relation = relationOf(operator)
    if (relation === undefined) continue
    for (const operand of operands) {
      if (typeof operand !== 'string') continue
      const needle = normaliseText(operand)
      const known = words.get(`${relation} ${needle}`)
      if (known === undefined) words.set(`${relation} ${needle}`, { relation, word: operand, needle, tests: [at] })
      else known.tests.push(at)
    }
  }
  const alike = Map.groupBy(words.values(), ({ relation, tests: where }) => `${relation} ${where.join(' ')}`)
  return [...alike.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    return [
      { relation: first.relation, words: group.map(({ word }) => word), needles: group.map(({ needle }) => needle) },
    ]
  })
}

const bit = (at: number): Mask => 1n << BigInt(at)
const isIn = (mask: Mask, at: number): boolean => (mask & bit(at)) !== 0n
const isWithin = (mask: Mask, other: Mask): boolean => (mask & ~other) === 0n

const holds = (relation: TextRelation, text: string, needle: string): boolean => {
  if (relation === 'contains') return text.includes(needle)
  return relation === 'starts_with' ? text.startsWith(needle) : text === needle
}

/** Which predicates are true of a text. */
export function maskOf(predicates: readonly TextPredicate[], text: string): Mask {
  const plain = normaliseText(text)
  let mask = 0n
  for (const [at, { relation, needles }] of predicates.entries()) {
    if (needles.some((needle) => holds(relation, plain, needle))) mask |= bit(at)
  }
  return mask
}

/** Stands between words, so that no needle is found across them. */
function separatorFor(predicates: readonly TextPredicate[]): string {
  const used = predicates.flatMap(({ needles }) => needles).join('')
  const free = '|~#*+_/%&'.split('').find((character) => !used.includes(character))
  if (free !== undefined) return free
  let code = 0xe000 // private use: letters of nobody
  while (used.includes(String.fromCharCode(code))) code++
  return String.fromCharCode(code)
}

/** A needle, with what is true of a text in which it stands, at its beginning or as the whole. */
interface Candidate {
  readonly needle: string
  readonly within: Mask
  readonly whole: Mask
}

/**
 * Every kind of text that there is, each with a witness. A combination that no text can have (`fraudulent` and not
 * `fraud`) is left out. `exact` is false where there are too many to look at each; then these are the kinds with none,
 * one, two and all predicates.
 */
export function textKinds(predicates: readonly TextPredicate[]): { kinds: readonly TextKind[]; exact: boolean } {
  const count = predicates.length
  const total = predicates.reduce((sum, { needles }) => sum + needles.length, 0)
  const each = Math.max(1, Math.floor(MOST_COMPARISONS / (total + 1) / (count + 1)))
  const places = Array.from({ length: count }, (_, at) => at)
  // Of the predicates that ask for a whole text, each word is a kind of its own.
  const free = places.filter((at) => predicates[at]?.relation !== 'is')
  let isAll = free.length <= MOST_EXACT
  const contains = predicates.map((predicate) => (predicate.relation === 'contains' ? predicate : undefined))
  const candidates = predicates.map(({ relation, needles }) => {
    if (needles.length > each) isAll = false
    return needles.slice(0, each).map((needle): Candidate => {
      let within = 0n
      for (const [at, predicate] of contains.entries()) {
        if (predicate?.needles.some((other) => needle.includes(other)) === true) within |= bit(at)
      }
      return { needle, within, whole: relation === 'contains' ? within : maskOf(predicates, needle) }
    })
  })
  const separator = separatorFor(predicates)

  const witnessOf = (mask: Mask): string | undefined => {
    const of = (relation: TextRelation): readonly (readonly Candidate[])[] =>
      candidates.filter((_, at) => predicates[at]?.relation === relation && isIn(mask, at))
    const starts = of('starts_with').flat()
    const longest = starts.toSorted((a, b) => b.needle.length - a.needle.length).at(0)
    const begin = longest?.needle ?? ''
    if (!starts.every(({ needle }) => begin.startsWith(needle))) return undefined
    const parts: string[] = longest === undefined ? [] : [begin]
    for (const choices of of('contains')) {
      if (choices.some(({ needle }) => parts.some((part) => part.includes(needle)))) continue
      const choice = choices.find(({ within }) => isWithin(within, mask))
      if (choice === undefined) return undefined
      parts.push(choice.needle)
    }
    const short = parts.filter((part, at) => !parts.some((other, place) => place > at && other.startsWith(part)))
    const readable =
      parts.length === 0 ? ['something else', 'other'] : [short.join(' '), parts.join(' '), parts.join(', ')]
    const certain = `${begin}${separator}${parts.slice(longest === undefined ? 0 : 1).join(separator)}${separator}`
    return [...readable, certain].find((text) => maskOf(predicates, text) === mask)
  }
  const kinds = new Map<Mask, string>()
  for (const mask of masksOf(free, isAll)) {
    const witness = witnessOf(mask)
    if (witness !== undefined) kinds.set(mask, witness)
  }
  for (const { needle, whole } of candidates.filter((_, at) => predicates[at]?.relation === 'is').flat()) {
    if (!kinds.has(whole)) kinds.set(whole, needle)
  }
  return { kinds: [...kinds].map(([mask, witness]) => ({ mask, witness })), exact: isAll }
}

const allOf = (places: readonly number[]): Mask => places.reduce((mask, at) => mask | bit(at), 0n)

function masksOf(free: readonly number[], isAll: boolean): readonly Mask[] {
  if (isAll) {
    return Array.from({ length: 2 ** free.length }, (_, subset) =>
      allOf(free.filter((_each, at) => (subset >> at) % 2 === 1)),
    )
  }
  const few = free.slice(0, 100)
  const pairs = few.flatMap((one, at) => few.slice(at).map((other) => bit(one) | bit(other)))
  return [...new Set([0n, ...pairs, allOf(free)])]
}

/** Predicates that must and must not be true; the others do not matter. */
export interface TextPattern {
  readonly are: readonly number[]
  readonly areNot: readonly number[]
}

/**
 * Says which texts some kinds are, in few patterns: a text is of one of them exactly when one of the patterns fits it.
 * `all` are the kinds that there are.
 */
export function patternsOf(chosen: readonly Mask[], all: readonly Mask[], count: number): readonly TextPattern[] {
  const wanted = new Set(chosen)
  const others = all.filter((mask) => !wanted.has(mask))
  const fits = (mask: Mask, care: Mask, are: Mask): boolean => (mask & care) === are
  const patterns: { readonly care: Mask; readonly are: Mask }[] = []
  for (const mask of chosen) {
    if (patterns.some(({ care, are }) => fits(mask, care, are))) continue
    let care = bit(count) - 1n
    // Whatever may be left open without letting in a kind that was not chosen; what must not be true first.
    const places = Array.from({ length: count }, (_, at) => at)
    const order = [...places.filter((at) => !isIn(mask, at)), ...places.filter((at) => isIn(mask, at))]
    for (const at of order) {
      const less = care & ~bit(at)
      if (!others.some((other) => fits(other, less, mask & less))) care = less
    }
    patterns.push({ care, are: mask & care })
  }
  return patterns.map(({ care, are }) => {
    const places = Array.from({ length: count }, (_, at) => at).filter((at) => isIn(care, at))
    return { are: places.filter((at) => isIn(are, at)), areNot: places.filter((at) => !isIn(are, at)) }
  })
}
