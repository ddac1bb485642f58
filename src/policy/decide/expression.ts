import type { Match } from '../../contract/action.ts'
import type { FactDeclaration, FactDeclarations, Facts, FactValue } from '../../contract/fact.ts'
import type { Expression } from '../types.ts'
import { type CelValue, valueOfCel } from './cel.ts'
import { comparableOf, undecidable } from './trigger.ts'
import { quoted, stated } from './words.ts'

/** What a condition comes to, and the matches that made it so: of what is true when it is true, of what is unknown else. */
export interface Truth {
  readonly is: true | false | 'unknown'
  readonly by: readonly Match[]
}

interface Named {
  readonly fact: string
  readonly declaration: FactDeclaration
  /** `undefined`: not known. */
  readonly value: FactValue | undefined
  /** `undefined`: not known, or not what its contract declares. */
  readonly computable: CelValue | undefined
}

function namedIn({ facts: names }: Expression, declares: FactDeclarations, facts: Facts): readonly Named[] {
  return names.map((fact) => {
    const declaration = declares[fact]
    if (declaration === undefined) throw new RangeError(`nobody declares ${fact}`)
    const value = Object.hasOwn(facts, fact) ? facts[fact] : undefined
    return { fact, declaration, value, computable: value === undefined ? undefined : computableOf(value, declaration) }
  })
}

function computableOf(value: FactValue, declaration: FactDeclaration): CelValue | undefined {
  try {
    const comparable = comparableOf(value, declaration)
    return declaration.type === 'money' ? BigInt(Number(comparable)) : comparable
  } catch {
    return undefined
  }
}

/** What an expression comes to; unknown when a fact that it names is not known, or when it cannot be computed. */
export function judgeExpression(expression: Expression, declares: FactDeclarations, facts: Facts): Truth {
  const named = namedIn(expression, declares, facts)
  const values = new Map<string, CelValue>()
  const unknown: Match[] = []
  for (const { fact, declaration, value, computable } of named) {
    if (computable !== undefined) values.set(fact, computable)
    else if (value !== undefined) unknown.push(undecidable(expression.id, fact, declaration))
    else unknown.push(cannot(expression, fact, declaration, `${fact} is not known`))
  }
  if (unknown.length > 0) return { is: 'unknown', by: unknown }
  try {
    const is = valueOfCel(expression.is, (fact) => {
      const value = values.get(fact)
      if (value === undefined) throw new RangeError(`it does not name ${fact}`)
      return value
    })
    if (typeof is !== 'boolean') throw new TypeError('it is neither true nor false')
    return { is, by: is ? [saidOfExpression(expression, 'holds', declares, facts)] : [] }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const [first] = named
    if (first === undefined) throw error
    const because = `${quoted(expression.text)} cannot be computed: ${why}`
    return { is: 'unknown', by: [cannot(expression, first.fact, first.declaration, because)] }
  }
}

const cannot = ({ id }: Expression, fact: string, { trust }: FactDeclaration, because: string): Match => ({
  rule: id,
  effect: 'deny',
  fact,
  trust,
  because,
})

/** What is on the record of an expression: its text and every fact that it names. Of one fact also its value. */
export function saidOfExpression(
  expression: Expression,
  outcome: 'holds' | 'does not hold',
  declares: FactDeclarations,
  facts: Facts,
): Match {
  const { id: rule, text } = expression
  const named = namedIn(expression, declares, facts)
  const words = named.map(({ fact, declaration, value, computable }) => {
    if (value === undefined) return `${fact} is not known`
    return computable === undefined ? undecidable(rule, fact, declaration).because : stated(fact, value, declaration)
  })
  const because = `${quoted(text)} ${outcome}: ${words.join(', ')}`
  const [only, ...others] = named
  if (only === undefined || only.value === undefined || others.length > 0) return { rule, effect: 'allow', because }
  const { fact, declaration, value } = only
  return { rule, effect: 'allow', fact, trust: declaration.trust, value, threshold: text, because }
}
