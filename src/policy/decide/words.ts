import {
  type FactDeclaration,
  type FactDeclarations,
  type Facts,
  type FactValue,
  WHOSE_WORD,
} from '../../contract/fact.ts'
import { formatMoney } from '../../contract/money.ts'
import type { Operand, Operator } from '../types.ts'
import type { Comparable } from './operators.ts'
import { INVISIBLE } from '../../contract/plain-text.ts'

const LONGEST_QUOTE = 80
const MOST_LISTED = 5
// Also line ends, halves of characters, and what would end a quote.
const unprintable = new RegExp(`[${INVISIBLE}\\n\\r\\t\\v\\f\\u0085\\u2028\\u2029\\ud800-\\udfff\`]`, 'gu')

/** All that can be printed of ASCII, without the backtick. */
const PRINTABLE_ASCII = /^[ -_a-~]*$/

/** A text as one line of at most so many characters, with nothing in it that cannot be printed. */
export function printable(text: string, longest: number): string {
  if (text.length <= longest && PRINTABLE_ASCII.test(text)) return text
  // Cut before it is split: a text can be long. What is left of a pair that the cut split is unprintable.
  const characters = Array.from(text.slice(0, 2 * longest + 1).replace(unprintable, ' '))
  return characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : characters.join('')
}

/** A text in backticks, for messages that people read: at most 80 characters of it. */
export const quoted = (text: string): string => `\`${printable(text, LONGEST_QUOTE)}\``

/** Names in backticks, as they stand in a sentence. */
export const listed = (names: readonly string[]): string => names.map(quoted).join(', ')

/** `$120.00`, `12 days`, `true`, `` `enterprise` ``. */
function wordsOf(value: FactValue, declaration: FactDeclaration): string {
  if (typeof value === 'object') return formatMoney(value)
  if (typeof value === 'string') return quoted(value)
  return declaration.type === 'number' ? `${value} ${declaration.unit}` : String(value)
}

/**
 * What somebody wrote, as the reasons of a decision may say it: each text among the facts, whole, and as it is quoted. A fact that nobody
 * declares is taken for one.
 */
export const writtenIn = (facts: Facts, declares: FactDeclarations): readonly string[] =>
  Object.entries(facts).flatMap(([name, value]) =>
    typeof value === 'string' && isWritten(name, declares)
      ? [value, printable(value, LONGEST_QUOTE).replace(/…$/u, '')]
      : [],
  )

/** Whether a fact is what somebody wrote, as far as anybody declares it. */
export const isWritten = (fact: string, declares: FactDeclarations): boolean =>
  !Object.hasOwn(declares, fact) || declares[fact]?.type === 'text'

const RELATIONS: Partial<Record<Operator, string>> = {
  ne: 'not',
  gt: 'more than',
  gte: 'at least',
  lt: 'less than',
  lte: 'at most',
  in: 'one of',
  not_in: 'none of',
}

/** A list as it stands in a sentence: at most 5 of them in words, and how many more there are. */
export function operandWords(operands: readonly Operand[], declaration: FactDeclaration): string {
  const [first, ...others] = operands
  if (first !== undefined && others.length === 0) return wordsOf(first, declaration)
  const shown = operands.slice(0, MOST_LISTED).map((operand) => wordsOf(operand, declaration))
  const more = operands.length - shown.length
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ')
}

/** A fact as people read it: `refund_amount_usd is $120.00 (a model's word)`. */
export const stated = (fact: string, value: FactValue, declaration: FactDeclaration): string =>
  `${fact} is ${wordsOf(value, declaration)}${WHOSE_WORD[declaration.trust]}`

/** A known value with its comparable form, and the operands with theirs. */
interface Compared {
  readonly value: FactValue
  readonly comparable: Comparable
  readonly operands: readonly Operand[]
  readonly comparables: readonly Comparable[]
  /** All operands, in words. */
  readonly words: () => string
}

/** Why a trigger matched, in words: `refund_amount_usd is $120.00 (a model's word), at least $50.00`. */
export function reason(fact: string, operator: Operator, declaration: FactDeclaration, compared: Compared): string {
  const { value, comparable, operands, comparables, words } = compared
  if (operator === 'contains' || operator === 'contains_any') {
    const found = operands.filter((_, at) => String(comparable).includes(String(comparables[at])))
    return `${fact} contains ${operandWords(found, declaration)}${WHOSE_WORD[declaration.trust]}`
  }
  if (operator === 'starts_with') return `${fact} starts with ${words()}${WHOSE_WORD[declaration.trust]}`
  const relation = RELATIONS[operator]
  const is = stated(fact, value, declaration)
  return relation === undefined ? is : `${is}, ${relation} ${words()}`
}
