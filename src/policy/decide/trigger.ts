import type { Effect, Match } from '../../contract/action.ts'
import { type FactDeclaration, type FactValue, WHOSE_WORD } from '../../contract/fact.ts'
import type { Json } from '../../contract/json.ts'
import type { Operand, Trigger } from '../types.ts'
import { type Comparable, OPERATOR_RULES } from './operators.ts'
import { normaliseText } from '../../contract/plain-text.ts'
import { reason } from './words.ts'

const jsonOf = (operand: Operand): Json => (typeof operand === 'object' ? { ...operand } : operand)

const thresholdOf = ({ operator, operands }: Trigger): Json => {
  const [first] = operands
  return OPERATOR_RULES[operator].takes === 'one' && first !== undefined ? jsonOf(first) : operands.map(jsonOf)
}

/** Throws `RangeError` on a value that is not of the declared type: NaN, another currency, half a character. */
export function comparableOf(value: FactValue, declaration: FactDeclaration): Comparable {
  switch (declaration.type) {
    case 'money':
      if (typeof value !== 'object' || value.currency !== declaration.currency) break
      if (Number.isSafeInteger(value.cents)) return value.cents
      break
    case 'number':
      if (Number.isFinite(value)) return value as number
      break
    case 'boolean':
      if (typeof value === 'boolean') return value
      break
    case 'text':
      if (typeof value === 'string' && value.isWellFormed()) return normaliseText(value)
      break
    case 'enum':
      if (typeof value === 'string' && declaration.values.includes(value)) return value
      break
  }
  throw new RangeError(`not a value of type ${declaration.type}`)
}

const KNOWN: FactDeclaration = { type: 'boolean', trust: 'record' }

const compared = new WeakMap<Trigger, { readonly as: FactDeclaration; readonly operands: readonly Comparable[] }>()

/** The operands of a trigger in comparable form, kept for as long as the trigger is. Throws as `comparableOf` does. */
function operandsOf(trigger: Trigger, as: FactDeclaration): readonly Comparable[] {
  const known = compared.get(trigger)
  if (known?.as === as) return known.operands
  const operands = trigger.operands.map((operand) => comparableOf(operand, as))
  compared.set(trigger, { as, operands })
  return operands
}

function decided(
  trigger: Trigger,
  effect: Effect,
  declaration: FactDeclaration,
  value: FactValue | undefined,
): Match | undefined {
  const { id: rule, fact, operator, operands } = trigger
  const { types, takes, holds } = OPERATOR_RULES[operator]
  if (!types.includes(declaration.type)) throw new RangeError(`${operator} cannot be asked of ${declaration.type}`)
  if (operands.length === 0 || (takes === 'one' && operands.length > 1)) throw new RangeError('wrong operands')

  const found = value === undefined ? undefined : comparableOf(value, declaration)
  const comparables = operandsOf(trigger, operator === 'exists' ? KNOWN : declaration)
  const match = {
    rule,
    effect,
    fact,
    trust: declaration.trust,
    ...(value === undefined ? {} : { value }),
    threshold: thresholdOf(trigger),
  }
  if (operator === 'exists') {
    if (!holds(found !== undefined, comparables)) return undefined
    return {
      ...match,
      because: found === undefined ? `${fact} is not known` : `${fact} is known${WHOSE_WORD[declaration.trust]}`,
    }
  }
  if (value === undefined || found === undefined) {
    return { ...match, effect: 'deny', because: `${fact} is not known` }
  }
  if (!holds(found, comparables)) return undefined
  const because = reason(fact, operator, declaration, { value, operands, comparable: found, comparables })
  return { ...match, because }
}

/**
 * What a trigger says of an action whose contract declares its fact; `undefined` when it does not match.
 * What cannot be decided is denied: a fact that is not known, a value of another type than was declared.
 */
export function judge(
  trigger: Trigger,
  effect: Effect,
  declaration: FactDeclaration,
  value: FactValue | undefined,
): Match | undefined {
  try {
    return decided(trigger, effect, declaration, value)
  } catch {
    return undecidable(trigger.id, trigger.fact, declaration)
  }
}

/** What a rule says of a value that is not what the contract declares. */
export const undecidable = (rule: string, fact: string, { trust }: FactDeclaration): Match => ({
  rule,
  effect: 'deny',
  fact,
  trust,
  because: `${fact} cannot be compared: it is not what its contract declares`,
})
