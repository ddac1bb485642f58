import type { Effect, Match } from '../../contract/action.ts'
import { type FactDeclaration, type FactValue, WHOSE_WORD } from '../../contract/fact.ts'
import type { Json } from '../../contract/json.ts'
import type { Operand, Trigger } from '../types.ts'
import { type Comparable, OPERATOR_RULES } from './operators.ts'
import { normaliseText } from '../../contract/plain-text.ts'
import { operandWords, reason } from './words.ts'

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

/** What is the same each time a trigger is asked of facts that are declared so. */
class Prepared {
  readonly as: FactDeclaration
  readonly comparables: readonly Comparable[]
  readonly threshold: Json
  readonly #operands: readonly Operand[]
  #words: string | undefined

  constructor(trigger: Trigger, as: FactDeclaration) {
    this.as = as
    this.#operands = trigger.operands
    const declaration = trigger.operator === 'exists' ? KNOWN : as
    this.comparables = trigger.operands.map((operand) => comparableOf(operand, declaration))
    this.threshold = thresholdOf(trigger)
  }

  /** The operands, in words. */
  readonly words = (): string => (this.#words ??= operandWords(this.#operands, this.as))
}

const prepared = new WeakMap<Trigger, Prepared>()

/** Kept for as long as the trigger is. Throws as `comparableOf` does. */
function prepare(trigger: Trigger, as: FactDeclaration): Prepared {
  const known = prepared.get(trigger)
  if (known?.as === as) return known
  const { operator, operands } = trigger
  const { types, takes } = OPERATOR_RULES[operator]
  if (!types.includes(as.type)) throw new RangeError(`${operator} cannot be asked of ${as.type}`)
  if (operands.length === 0 || (takes === 'one' && operands.length > 1)) throw new RangeError('wrong operands')
  const made = new Prepared(trigger, as)
  prepared.set(trigger, made)
  return made
}

function decided(
  trigger: Trigger,
  effect: Effect,
  declaration: FactDeclaration,
  value: FactValue | undefined,
): Match | undefined {
  const { id: rule, fact, operator, operands } = trigger
  const { holds } = OPERATOR_RULES[operator]
  const { comparables, threshold, words } = prepare(trigger, declaration)
  const { trust } = declaration
  if (value === undefined) {
    if (operator !== 'exists') return { rule, effect: 'deny', fact, trust, threshold, because: `${fact} is not known` }
    if (!holds(false, comparables)) return undefined
    return { rule, effect, fact, trust, threshold, because: `${fact} is not known` }
  }
  const comparable = comparableOf(value, declaration)
  if (!holds(operator === 'exists' ? true : comparable, comparables)) return undefined
  const because =
    operator === 'exists'
      ? `${fact} is known${WHOSE_WORD[trust]}`
      : reason(fact, operator, declaration, { value, comparable, operands, comparables, words })
  return { rule, effect, fact, trust, value, threshold, because }
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
