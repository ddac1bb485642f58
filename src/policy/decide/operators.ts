import type { FactDeclaration } from '../../contract/fact.ts'
import type { Operator } from '../types.ts'

export type FactType = FactDeclaration['type']

/** What values are compared as: money as cents, text in its normal form, all else as it is. */
export type Comparable = number | string | boolean

interface OperatorRule {
  /** The types of fact that it can be asked of. */
  readonly types: readonly FactType[]
  readonly takes: 'one' | 'list' | 'one or list'
  /** Whether it is true of a value. Never called without an operand. */
  readonly holds: (value: Comparable, operands: readonly Comparable[]) => boolean
}

const ALL = ['money', 'number', 'text', 'enum', 'boolean'] as const
const ORDERED = ['money', 'number'] as const
const LISTED = ['money', 'number', 'text', 'enum'] as const

const ordered =
  (test: (value: number, operand: number) => boolean): OperatorRule['holds'] =>
  (value, [operand]) =>
    test(Number(value), Number(operand))

const containsAny: OperatorRule['holds'] = (value, operands) =>
  operands.some((needle) => String(value).includes(String(needle)))

/** The closed set of operators: what each can be asked of and what it means. */
export const OPERATOR_RULES: Readonly<Record<Operator, OperatorRule>> = {
  eq: { types: ALL, takes: 'one', holds: (value, [operand]) => value === operand },
  ne: { types: ALL, takes: 'one', holds: (value, [operand]) => value !== operand },
  gt: { types: ORDERED, takes: 'one', holds: ordered((value, operand) => value > operand) },
  gte: { types: ORDERED, takes: 'one', holds: ordered((value, operand) => value >= operand) },
  lt: { types: ORDERED, takes: 'one', holds: ordered((value, operand) => value < operand) },
  lte: { types: ORDERED, takes: 'one', holds: ordered((value, operand) => value <= operand) },
  in: { types: LISTED, takes: 'list', holds: (value, operands) => operands.includes(value) },
  not_in: { types: LISTED, takes: 'list', holds: (value, operands) => !operands.includes(value) },
  contains: { types: ['text'], takes: 'one or list', holds: containsAny },
  contains_any: { types: ['text'], takes: 'list', holds: containsAny },
  starts_with: {
    types: ['text'],
    takes: 'one',
    holds: (value, [operand]) => String(value).startsWith(String(operand)),
  },
  // Asked of whether the value is known, and not of the value.
  exists: { types: ALL, takes: 'one', holds: (known, [operand]) => known === operand },
}

/** The operators that a fact of this type can be asked. */
export const operatorsOf = (type: FactType): readonly Operator[] =>
  (Object.keys(OPERATOR_RULES) as Operator[]).filter((operator) => OPERATOR_RULES[operator].types.includes(type))
