import { isMap, isScalar, isSeq, type Node } from 'yaml'
import { listed, quoted } from '../decide/words.ts'
import { meantBy } from './nearest.ts'
import type { Report } from './problem.ts'

/** A value of the file: under which key, and where it stands. */
export interface Found {
  /** As a person names it: `rollback.window_minutes`. */
  readonly name: string
  readonly node: Node | null
  readonly offset: number
}

/** Reads a value, or reports why it cannot and returns `undefined`. */
export type Reader<T> = (found: Found, report: Report) => T | undefined

/** What stands there, in words: `` `fifty` ``, `a list`, `nothing`. */
export function describe(node: Node | null): string {
  if (isMap(node)) return 'a map'
  if (isSeq(node)) return 'a list'
  if (!isScalar(node) || node.source === undefined || (node.value === null && node.source === '')) return 'nothing'
  return typeof node.value === 'string' && node.type !== 'PLAIN'
    ? `the text ${quoted(node.source)}`
    : quoted(node.source)
}

const wrong = ({ name, node, offset }: Found, report: Report, wanted: string, help: string): undefined =>
  report.at(offset, `\`${name}\` must be ${wanted}, got ${describe(node)}.`, help)

/** Any text, also an empty one. */
export const readText: Reader<string> = (found, report) => {
  const { node } = found
  if (!isScalar(node)) return wrong(found, report, 'text', 'write one text.')
  if (typeof node.value !== 'string') return wrong(found, report, 'text', 'put it in quotes.')
  if (node.value.isWellFormed()) return node.value
  return report.at(found.offset, `\`${found.name}\` holds half a character.`, 'take it out.')
}

/** Text that is not blank. */
export const readName: Reader<string> = (found, report) => {
  const text = readText(found, report)
  if (text === undefined || text.trim() !== '') return text
  return report.at(found.offset, `\`${found.name}\` is blank.`, 'fill it in or take the key out.')
}

export const readBoolean: Reader<boolean> = (found, report) =>
  isScalar(found.node) && typeof found.node.value === 'boolean'
    ? found.node.value
    : wrong(found, report, '`true` or `false`', 'write one of the two, without quotes.')

/** One of a closed set of names. */
export const readOneOf =
  <const T extends string>(names: readonly T[]): Reader<T> =>
  (found, report) => {
    const value = isScalar(found.node) ? found.node.value : undefined
    const name = names.find((each) => each === value)
    if (name !== undefined) return name
    const meant = typeof value === 'string' ? meantBy(value, names) : undefined
    const help = meant === undefined ? 'write one of them.' : `did you mean ${quoted(meant)}?`
    return wrong(found, report, `one of ${listed(names)}`, help)
  }

const DECIMAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/

/**
 * The digits of a number as they stand in the file, so that nothing is lost in a float; `undefined`: it is none. Signs, exponents,
 * other bases and leading zeros are refused, since people and programs read them differently.
 */
const digitsOf = ({ node }: Found): string | undefined =>
  isScalar(node) && node.type === 'PLAIN' && node.source !== undefined && DECIMAL.test(node.source)
    ? node.source
    : undefined

/** What helps where there are no digits. */
const digitsHelp = ({ node }: Found, form: string): string =>
  isScalar(node) && node.type !== 'PLAIN' && DECIMAL.test(node.source ?? '') ? 'take the quotes away.' : form

/** The digits of a number. */
export const readDecimal: Reader<string> = (found, report) =>
  digitsOf(found) ?? wrong(found, report, 'a number', digitsHelp(found, 'write it in digits, such as `50` or `49.99`.'))

/** A whole number between two bounds, both included. */
export const readWholeNumber =
  (least: number, most: number): Reader<number> =>
  (found, report) => {
    const digits = digitsOf(found)
    const value = Number(digits) + 0 // not -0
    if (digits?.includes('.') === false && value >= least && value <= most) return value
    return wrong(found, report, `a whole number from ${least} to ${most}`, digitsHelp(found, 'write it in digits.'))
  }

/** Before the point, of an amount of dollars. */
export const MOST_USD_DIGITS = 9
const MICRO_USD = new RegExp(String.raw`^(\d{1,${MOST_USD_DIGITS}})(?:\.(\d{1,6}))?$`)

/** An amount of dollars, exactly, in micro-dollars. */
export const readMicroUsd: Reader<number> = (found, report) => {
  const digits = readDecimal(found, report)
  if (digits === undefined) return undefined
  const match = MICRO_USD.exec(digits)
  if (match !== null) return Number(match[1]) * 1_000_000 + Number((match[2] ?? '').padEnd(6, '0'))
  const wanted = 'an amount of US dollars from 0 to 999999999 with at most six decimals'
  return wrong(found, report, wanted, 'write it such as `0.20`.')
}
