import type { CelOperator, CelPart } from '../types.ts'

/** Whole numbers, and money in cents, are `bigint`; other numbers are doubles; text is in its normal form. */
export type CelValue = bigint | number | string | boolean

const LEAST_INT = -(2n ** 63n)
const MOST_INT = 2n ** 63n - 1n

/** Whole numbers have 64 bits, as CEL has it, and no number is infinite. */
function inRange<T extends bigint | number>(value: T): T {
  if (typeof value === 'bigint' ? value >= LEAST_INT && value <= MOST_INT : Number.isFinite(value)) return value
  throw new RangeError('a number is too large')
}

const numberOf = (value: CelValue): bigint | number => {
  if (typeof value === 'bigint' || typeof value === 'number') return value
  throw new TypeError('not a number')
}
const textOf = (value: CelValue): string => {
  if (typeof value === 'string') return value
  throw new TypeError('not a text')
}
const booleanOf = (value: CelValue): boolean => {
  if (typeof value === 'boolean') return value
  throw new TypeError('neither true nor false')
}

/** Two whole numbers give a whole one, rounded towards 0; with another number beside them they are doubles. */
function computed(op: '+' | '-' | '*' | '/' | '%', left: bigint | number, right: bigint | number): bigint | number {
  if ((op === '/' || op === '%') && Number(right) === 0) throw new RangeError('it divides by zero')
  if (typeof left === 'bigint' && typeof right === 'bigint') {
    if (op === '+') return inRange(left + right)
    if (op === '-') return inRange(left - right)
    if (op === '*') return inRange(left * right)
    return inRange(op === '/' ? left / right : left % right)
  }
  const one = Number(left)
  const other = Number(right)
  if (op === '+') return inRange(one + other)
  if (op === '-') return inRange(one - other)
  if (op === '*') return inRange(one * other)
  if (op === '/') return inRange(one / other)
  throw new TypeError('only whole numbers have a remainder')
}

/** Numbers of both kinds are compared by their exact values. */
const isSame = (left: CelValue, right: CelValue): boolean =>
  typeof left === 'bigint' || typeof left === 'number'
    ? left <= numberOf(right) && left >= numberOf(right)
    : left === right

/** One that is `deciding` decides, also beside parts that cannot be computed, and whatever their order. */
function combined(deciding: boolean, of: readonly CelPart[], factValue: (fact: string) => CelValue): boolean {
  let failure: Error | undefined
  for (const part of of) {
    try {
      if (booleanOf(valueOfCel(part, factValue)) === deciding) return deciding
    } catch (error) {
      failure ??= error instanceof Error ? error : new Error(String(error))
    }
  }
  if (failure !== undefined) throw failure
  return !deciding
}

function applied(op: CelOperator, of: readonly CelPart[], factValue: (fact: string) => CelValue): CelValue {
  const at = (place: number): CelValue => {
    const part = of[place]
    if (part === undefined) throw new TypeError(`${op} lacks a part`)
    return valueOfCel(part, factValue)
  }
  switch (op) {
    case '!':
      return !booleanOf(at(0))
    case 'neg':
      return inRange(-numberOf(at(0)))
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return computed(op, numberOf(at(0)), numberOf(at(1)))
    case '==':
      return isSame(at(0), at(1))
    case '!=':
      return !isSame(at(0), at(1))
    case '<':
      return numberOf(at(0)) < numberOf(at(1))
    case '<=':
      return numberOf(at(0)) <= numberOf(at(1))
    case '>':
      return numberOf(at(0)) > numberOf(at(1))
    case '>=':
      return numberOf(at(0)) >= numberOf(at(1))
    case 'in': {
      const value = at(0)
      return of.slice(1).some((_, place) => isSame(value, at(place + 1)))
    }
    case '&&':
      return combined(false, of, factValue)
    case '||':
      return combined(true, of, factValue)
    case '?:':
      return booleanOf(at(0)) ? at(1) : at(2)
    case 'contains':
      return textOf(at(0)).includes(textOf(at(1)))
    case 'startsWith':
      return textOf(at(0)).startsWith(textOf(at(1)))
    case 'endsWith':
      return textOf(at(0)).endsWith(textOf(at(1)))
    case 'size':
      return BigInt(Array.from(textOf(at(0))).length)
  }
}

/**
 * What a part of an expression comes to. Pure: no clock, no locale, no loop but over its own parts. Throws `RangeError` where there is
 * no such value: a division by zero, a number beyond 64 bits or infinite.
 */
export function valueOfCel(part: CelPart, factValue: (fact: string) => CelValue): CelValue {
  if ('fact' in part) return factValue(part.fact)
  if ('int' in part) return BigInt(part.int)
  if ('literal' in part) return part.literal
  return applied(part.op, part.of, factValue)
}
