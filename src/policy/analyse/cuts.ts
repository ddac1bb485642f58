import type { FactDeclaration, FactDeclarations } from '../../contract/fact.ts'
import { money } from '../../contract/money.ts'
import type { CelPart, Expression, Operand, Operator, Trigger } from '../types.ts'

/** Every number and text that stands in an expression. */
function literalsIn(part: CelPart): readonly (number | string)[] {
  if ('op' in part) return part.of.flatMap(literalsIn)
  if ('int' in part) return [Number(part.int)]
  return 'literal' in part && typeof part.literal !== 'boolean' ? [part.literal] : []
}

/**
 * Tests that cut the values of the facts of an expression where it may turn: at the numbers that stand in it, ten
 * times these and 0, at its texts, at every enum and boolean value. Only to find samples: an expression can turn anywhere.
 */
export function cutsOf({ id, facts, is }: Expression, declares: FactDeclarations): readonly Trigger[] {
  const literals = literalsIn(is)
  const numbers = [...new Set([0, ...literals.flatMap((each) => (typeof each === 'number' ? [each, each * 10] : []))])]
  const texts = [...new Set(literals.filter((each) => typeof each === 'string'))]
  return facts.flatMap((fact) => {
    const declaration = declares[fact]
    if (declaration === undefined) return []
    const cut = (operator: Operator, operand: Operand): Trigger => ({ id, fact, operator, operands: [operand] })
    return cutsAt(declaration, numbers, texts).map(([operator, operand]) => cut(operator, operand))
  })
}

function cutsAt(
  declaration: FactDeclaration,
  numbers: readonly number[],
  texts: readonly string[],
): readonly (readonly [Operator, Operand])[] {
  switch (declaration.type) {
    case 'money':
      return numbers
        .filter((each) => Number.isSafeInteger(each))
        .flatMap((cents) => around(money(declaration.currency, cents)))
    case 'number':
      return numbers.flatMap(around)
    case 'text':
      return texts.filter((text) => text !== '').map((text) => ['contains', text])
    case 'enum':
      return declaration.values.map((value) => ['eq', value])
    case 'boolean':
      return [['eq', true]]
  }
}

const around = (operand: Operand): readonly (readonly [Operator, Operand])[] => [
  ['lt', operand],
  ['gt', operand],
]
