import type { FactDeclaration } from '../../contract/fact.ts'
import type { KnownFact } from '../../contract/playbook.ts'
import { operatorsOf } from '../decide/operators.ts'
import { listed, quoted } from '../decide/words.ts'
import { type Operator, OPERATORS, type Trigger } from '../types.ts'
import type { Reader } from './found.ts'
import { nearest, suggestion } from './nearest.ts'
import { readOperands } from './operands.ts'
import type { Report } from './problem.ts'
import { type Entry, readEntries, readMap } from './section.ts'

type KnownFacts = ReadonlyMap<string, KnownFact>

// `_not_in` before `_in`: the longest operator that a key ends with is the one that is meant.
const LONGEST_FIRST = OPERATORS.toSorted((a, b) => b.length - a.length)

const operatorOf = (key: string): Operator | undefined => LONGEST_FIRST.find((operator) => key.endsWith(`_${operator}`))

const nameIn = (key: string, operator: Operator): string => key.slice(0, -operator.length - 1)

const typeInWords = (declaration: FactDeclaration): string =>
  declaration.type === 'money' ? `money in ${declaration.currency}` : declaration.type

/** The known fact that a key begins with, the longest if several. */
const factAtStart = (key: string, facts: KnownFacts): KnownFact | undefined =>
  [...facts.values()]
    .filter(({ name }) => key.startsWith(`${name}_`))
    .toSorted((a, b) => b.name.length - a.name.length)
    .at(0)

const keysOf = ({ name, declaration }: KnownFact): readonly string[] =>
  operatorsOf(declaration.type).map((operator) => `${name}_${operator}`)

/** Says why a key is no trigger: what is most probably wrong with it. */
function reportKey({ key, keyOffset }: Entry, where: string, facts: KnownFacts, report: Report): void {
  const whole = facts.get(key)
  if (whole !== undefined) {
    return report.at(keyOffset, `${quoted(key)} in ${where} has no operator.`, `write one of ${listed(keysOf(whole))}.`)
  }
  const fact = factAtStart(key, facts)
  if (fact !== undefined) {
    const operator = key.slice(fact.name.length + 1)
    const message = `unknown operator ${quoted(operator)} of ${quoted(fact.name)} in ${where}.`
    const help = suggestion(operator, operatorsOf(fact.declaration.type), 'its operators are')
    return report.at(keyOffset, message, help)
  }
  const operator = operatorOf(key)
  if (operator !== undefined) {
    const name = nameIn(key, operator)
    const help = suggestion(name, [...facts.keys()], 'the facts of this playbook are')
    return report.at(keyOffset, `unknown fact ${quoted(name)} in ${where}.`, help)
  }
  const meant = nearest(key, [...facts.values()].flatMap(keysOf))
  const form = 'a trigger is `<fact>_<operator>`, such as `refund_amount_usd_gte`.'
  const help = meant === undefined ? form : `did you mean ${quoted(meant)}?`
  return report.at(keyOffset, `unknown fact or operator ${quoted(key)} in ${where}.`, help)
}

/** Reads one `<fact>_<operator>: <value>`; empty after it was reported why it is none. */
export function readTrigger(entry: Entry, where: string, facts: KnownFacts, report: Report): readonly Trigger[] {
  const { key, keyOffset } = entry
  const operator = operatorOf(key)
  const fact = operator === undefined ? undefined : facts.get(nameIn(key, operator))
  if (operator === undefined || fact === undefined) {
    reportKey(entry, where, facts, report)
    return []
  }
  const { name, declaration } = fact
  const allowed = operatorsOf(declaration.type)
  if (!allowed.includes(operator)) {
    const message = `\`${operator}\` cannot be asked of ${quoted(name)} in ${where}: it is ${typeInWords(declaration)}.`
    report.at(keyOffset, message, `its operators are: ${listed(allowed)}.`)
    return []
  }
  const operands = readOperands(declaration, operator)(entry, report)
  return operands === undefined ? [] : [{ id: entry.name, fact: name, operator, operands }]
}

/** Reads `deny_if` or `requires_approval_if`; without facts (the playbook is unknown) only that it is a map of keys. */
export const readTriggers =
  (facts: KnownFacts | undefined): Reader<readonly Trigger[]> =>
  (found, report) => {
    const map = readMap(found, report)
    if (map === undefined) return undefined
    const entries = readEntries(map, found.name, report)
    return facts === undefined ? [] : entries.flatMap((entry) => readTrigger(entry, found.name, facts, report))
  }
