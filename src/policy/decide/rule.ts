import type { Match } from '../../contract/action.ts'
import type { FactDeclarations, Facts } from '../../contract/fact.ts'
import type { Condition, Expression, Rule, Trigger } from '../types.ts'
import { judgeExpression, saidOfExpression, type Truth } from './expression.ts'
import { judge, undecidable } from './trigger.ts'

/** The tests of a condition, in the order of the file. */
export function testsOf(condition: Condition): readonly Trigger[] {
  if ('test' in condition) return [condition.test]
  if ('cel' in condition) return []
  if ('not' in condition) return testsOf(condition.not)
  return ('all' in condition ? condition.all : condition.any).flatMap(testsOf)
}

/** The CEL expressions of a condition, in the order of the file. */
export function expressionsOf(condition: Condition): readonly Expression[] {
  if ('test' in condition) return []
  if ('cel' in condition) return [condition.cel]
  if ('not' in condition) return expressionsOf(condition.not)
  return ('all' in condition ? condition.all : condition.any).flatMap(expressionsOf)
}

/** The facts that a condition asks of, each once. */
export const factsIn = (condition: Condition): readonly string[] => [
  ...new Set([
    ...testsOf(condition).map(({ fact }) => fact),
    ...expressionsOf(condition).flatMap((expression) => expression.facts),
  ]),
]

/** Whether every fact that a condition asks of is declared. */
function isDeclared(condition: Condition, declares: FactDeclarations): boolean {
  if ('test' in condition) return Object.hasOwn(declares, condition.test.fact)
  if ('cel' in condition) return condition.cel.facts.every((fact) => Object.hasOwn(declares, fact))
  if ('not' in condition) return isDeclared(condition.not, declares)
  return ('all' in condition ? condition.all : condition.any).every((part) => isDeclared(part, declares))
}

/**
 * What a rule says of an action; `undefined` when it does not match, or does not speak of it. Three-valued logic after
 * Kleene: what cannot be decided, since a fact that it turns on is not known, denies, whatever the rule would have done.
 */
export function judgeRule(rule: Rule, declares: FactDeclarations, facts: Facts): Match | undefined {
  if (!isDeclared(rule.when, declares)) return undefined
  const truth = valueOf(rule.when, declares, facts)
  if (truth.is === false) return undefined
  const words = truth.by.map(({ because }) => because).join('; ')
  if (truth.is === 'unknown') {
    const first = truth.by.find(({ effect }) => effect === 'deny')
    const { fact = factsIn(rule.when)[0] ?? '' } = first ?? {}
    const declaration = declares[fact]
    return declaration === undefined
      ? undefined
      : { ...(first ?? undecidable(rule.id, fact, declaration)), rule: rule.id, effect: 'deny', because: words }
  }
  const [only, ...others] = truth.by
  const because = rule.because === null ? words : `${rule.because}${words === '' ? '' : `: ${words}`}`
  // With one test its values stand on the match as those of a trigger do; with several the words tell all of them.
  return { ...(others.length === 0 ? only : {}), rule: rule.id, effect: rule.effect, because }
}

function valueOf(condition: Condition, declares: FactDeclarations, facts: Facts): Truth {
  if ('test' in condition) return tested(condition.test, declares, facts)
  if ('cel' in condition) return judgeExpression(condition.cel, declares, facts)
  if ('not' in condition) {
    const { is, by } = valueOf(condition.not, declares, facts)
    return is === 'unknown' ? { is, by } : { is: !is, by: is ? [] : negated(condition.not, declares, facts) }
  }
  const parts = ('all' in condition ? condition.all : condition.any).map((part) => valueOf(part, declares, facts))
  // One of these decides alone; without one, what is unknown leaves all unknown.
  const deciding = !('all' in condition)
  const decisive = parts.filter(({ is }) => is === deciding)
  if (decisive.length > 0) return { is: deciding, by: deciding ? decisive.flatMap(({ by }) => by) : [] }
  const unknown = parts.filter(({ is }) => is === 'unknown')
  if (unknown.length > 0) return { is: 'unknown', by: unknown.flatMap(({ by }) => by) }
  return { is: !deciding, by: deciding ? [] : parts.flatMap(({ by }) => by) }
}

function tested(test: Trigger, declares: FactDeclarations, facts: Facts): Truth {
  const declaration = declares[test.fact]
  if (declaration === undefined) throw new RangeError(`nobody declares ${test.fact}`)
  const value = Object.hasOwn(facts, test.fact) ? facts[test.fact] : undefined
  const match = judge(test, 'allow', declaration, value)
  if (match === undefined) return { is: false, by: [] }
  // A trigger denies by itself what it cannot decide.
  return { is: match.effect === 'deny' ? 'unknown' : true, by: [match] }
}

/** What is on the record of tests that are true because something is not so. */
function negated(condition: Condition, declares: FactDeclarations, facts: Facts): readonly Match[] {
  const tests = testsOf(condition).flatMap((test) => {
    const declaration = declares[test.fact]
    const value = Object.hasOwn(facts, test.fact) ? facts[test.fact] : undefined
    if (declaration === undefined) return []
    const { fact } = test
    const seen = value === undefined ? {} : { value }
    const because = `not so: ${test.id.slice(test.id.lastIndexOf('.') + 1)}`
    return [{ rule: test.id, effect: 'allow' as const, fact, trust: declaration.trust, ...seen, because }]
  })
  const expressions = expressionsOf(condition).map((each) => saidOfExpression(each, 'does not hold', declares, facts))
  return [...tests, ...expressions]
}
