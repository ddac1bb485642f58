import { isSeq, type Node } from 'yaml'
import type { FactDeclaration } from '../../contract/fact.ts'
import { parseMoney } from '../../contract/money.ts'
import { OPERATOR_RULES } from '../decide/operators.ts'
import { normaliseText } from '../../contract/plain-text.ts'
import { quoted } from '../decide/words.ts'
import type { Operand, Operator } from '../types.ts'
import { describe, type Found, readBoolean, readDecimal, readOneOf, type Reader, readText } from './found.ts'

export const MOST_OPERANDS = 1000
export const MOST_DIGITS = 15
const NEEDLES: readonly Operator[] = ['contains', 'contains_any', 'starts_with']

const readMoney =
  (declaration: Extract<FactDeclaration, { type: 'money' }>): Reader<Operand> =>
  (found, report) => {
    const digits = readDecimal(found, report)
    if (digits === undefined) return undefined
    try {
      return parseMoney(declaration.currency, digits)
    } catch {
      const wanted = `an amount of ${declaration.currency} with at most two decimals`
      return report.at(
        found.offset,
        `\`${found.name}\` must be ${wanted}, got ${quoted(digits)}.`,
        'write it such as `49.99`.',
      )
    }
  }

const readNumber: Reader<Operand> = (found, report) => {
  const digits = readDecimal(found, report)
  if (digits === undefined) return undefined
  if (digits.replace(/[-.]/g, '').replace(/^0+/, '').length <= MOST_DIGITS) return Number(digits) + 0 // not -0
  const message = `\`${found.name}\` has more than ${MOST_DIGITS} digits: ${quoted(digits)}.`
  return report.at(found.offset, message, 'round it; more cannot be compared exactly.')
}

const readNeedle: Reader<Operand> = (found, report) => {
  const text = readText(found, report)
  if (text === undefined || normaliseText(text) !== '') return text
  return report.at(
    found.offset,
    `\`${found.name}\` looks for an empty text.`,
    'every text holds it; fill it in or take it out.',
  )
}

function readerOf(declaration: FactDeclaration, operator: Operator): Reader<Operand> {
  if (operator === 'exists') return readBoolean
  switch (declaration.type) {
    case 'money':
      return readMoney(declaration)
    case 'number':
      return readNumber
    case 'boolean':
      return readBoolean
    case 'enum':
      return readOneOf(declaration.values)
    case 'text':
      return NEEDLES.includes(operator) ? readNeedle : readText
  }
}

/** Reads a value of a fact, typed and in its unit. */
export const readFactValue = (declaration: FactDeclaration): Reader<Operand> => readerOf(declaration, 'eq')

/** Operands are the same when no fact could tell them apart. */
const sameness = (operand: Operand, { type }: FactDeclaration): string =>
  typeof operand === 'object'
    ? String(operand.cents)
    : type === 'text'
      ? normaliseText(String(operand))
      : String(operand)

/** Reads what a trigger compares its fact with, typed and in the unit of the fact. */
export const readOperands =
  (declaration: FactDeclaration, operator: Operator): Reader<readonly Operand[]> =>
  (found, report) => {
    const { name, node, offset } = found
    const { takes } = OPERATOR_RULES[operator]
    const read = readerOf(declaration, operator)
    if (takes === 'one' || (takes === 'one or list' && !isSeq(node))) {
      const operand = read(found, report)
      return operand === undefined ? undefined : [operand]
    }
    if (!isSeq(node)) {
      return report.at(offset, `\`${name}\` must be a list, got ${describe(node)}.`, 'put it in brackets: `[…]`.')
    }
    if (node.items.length === 0 || node.items.length > MOST_OPERANDS) {
      const message = `\`${name}\` must list 1 to ${MOST_OPERANDS} values, got ${node.items.length}.`
      return report.at(offset, message, 'fill the list or take the trigger out.')
    }
    const seen = new Set<string>()
    return node.items.flatMap((item) => {
      const itemNode = item as Node
      const place: Found = { name, node: itemNode, offset: itemNode.range?.[0] ?? offset }
      const operand = read(place, report)
      if (operand === undefined) return []
      const same = sameness(operand, declaration)
      if (seen.has(same))
        report.at(place.offset, `\`${name}\` lists ${describe(itemNode)} twice.`, 'keep one of the two.')
      seen.add(same)
      return [operand]
    })
  }
