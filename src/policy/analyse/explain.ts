import type { Decision, Effect } from '../../contract/action.ts'
import type { Requirement } from '../../contract/approving.ts'
import { canonicalJson } from '../../contract/digest.ts'
import type { FactDeclarations, Facts, FactValue } from '../../contract/fact.ts'
import { formatMoney, usd } from '../../contract/money.ts'
import { decide, saidOfEveryWrite } from '../decide/index.ts'
import { windowText } from '../decide/limits.ts'
import { requirementOfRule } from '../decide/requirements.ts'
import { operandWords, quoted } from '../decide/words.ts'
import type { Condition, Measure, Policy, Trigger } from '../types.ts'
import { type Cell, type Dimension, distanceOf, isInCell, nearestOf } from './dimension.ts'
import { type AnalysedTool, entriesOf, type Entry } from './entries.ts'
import { peopleFor } from './people.ts'
import { spaceOf } from './space.ts'

/** What of a policy speaks of a tool, in the order of the file. */
export interface Spoken {
  readonly tool: string
  readonly entries: readonly (Pick<Entry, 'id' | 'effect' | 'facts'> & {
    /** What it asks of them, or says of every write: `$50.00`, `at_most 3 within 24 hours`. */
    readonly asks: string
    /** Whom it asks; absent where it does not ask for approval. */
    readonly requires?: Requirement
  })[]
}

/** Another value of one fact, the nearest to the one it has, and what follows. */
export interface OneFactAway {
  readonly fact: string
  /** `undefined`: if it were not known. */
  readonly value: FactValue | undefined
}

export interface Explanation {
  readonly tool: string
  readonly decision: Decision
  /** Who has to approve; nobody where it does not wait for approval. */
  readonly requires: readonly Requirement[]
  /** What does not match and would, if one fact were another. */
  readonly nearly: readonly (OneFactAway & { readonly rule: string; readonly effect: Effect })[]
  /** What would make the answer another one, or would have other people approve. */
  readonly changes: readonly (OneFactAway & { readonly effect: Effect; readonly requires: readonly Requirement[] })[]
  /** The rules that compute with CEL: there may be nearer values, and others. */
  readonly cel: readonly string[]
}

/** The limits over time of a tool, of which only a host can say whether they are reached. */
export const limitsOf = (policy: Policy, tool: AnalysedTool): Spoken['entries'] =>
  (policy.limits ?? []).flatMap(({ id, tool: limited, onReached: effect, per, of, measure, windowMinutes }) => {
    if (limited !== tool.name) return []
    const asks = `${measureWords(measure)} within ${windowText(windowMinutes)}`
    return [{ id, effect, facts: of === undefined ? [per] : [per, of], asks, ...asked(policy, id, effect) }]
  })

function measureWords(measure: Measure): string {
  if (measure.kind === 'score') return `score_gte ${measure.atLeast / 100}`
  return measure.kind === 'count' ? `at_most ${measure.most}` : `at_most_usd ${formatMoney(usd(measure.most))}`
}

/** What an entry asks of the facts of a tool; of a trigger, whose id tells the rest, the value alone. */
function asksOf({ id, when }: Entry, { trust }: Policy, { declares }: AnalysedTool): string {
  if (when === null) return trust.atLeast.find((demand) => demand.id === id)?.trust ?? ''
  return 'test' in when && when.test.id === id ? testWords(when.test, declares) : conditionWords(when, declares)
}

function testWords({ fact, operands }: Trigger, declares: FactDeclarations): string {
  const declaration = declares[fact]
  return declaration === undefined ? '' : operandWords(operands, declaration)
}

function conditionWords(when: Condition, declares: FactDeclarations): string {
  if ('test' in when) return `${when.test.fact}_${when.test.operator} ${testWords(when.test, declares)}`
  if ('cel' in when) return quoted(when.cel.text)
  if ('not' in when) return `not (${conditionWords(when.not, declares)})`
  const [parts, word] = 'all' in when ? [when.all, ' and '] : [when.any, ' or ']
  const words = parts.map((part) => conditionWords(part, declares))
  return words.length === 1 || 'all' in when ? words.join(word) : `(${words.join(word)})`
}

const asked = (policy: Policy, id: string, effect: Effect): { readonly requires?: Requirement } =>
  effect === 'require_approval' ? { requires: requirementOfRule(policy, id) } : {}

/** What speaks of a tool: the level of autonomy, triggers, rules, demands and limits. */
export const spokenOf = (policy: Policy, tool: AnalysedTool): Spoken => ({
  tool: tool.name,
  entries: [
    ...saidOfEveryWrite(policy).map(({ rule: id, effect, because: asks }) => ({
      id,
      effect,
      facts: [],
      asks,
      ...asked(policy, id, effect),
    })),
    ...entriesOf(policy)
      .filter((entry) => entry.speaksOf(tool))
      .map((entry) => {
        const { id, effect, facts } = entry
        return { id, effect, facts, asks: asksOf(entry, policy, tool), ...asked(policy, id, effect) }
      }),
    ...limitsOf(policy, tool),
  ],
})

/**
 * What a policy says of an action, and how near it is to another answer. Facts that become not known are looked at only
 * where a test asks for that: everything else denies then.
 */
export function explainAction(policy: Policy, tool: AnalysedTool, facts: Facts): Explanation {
  const decision = decide(policy, tool, facts)
  const requires = peopleFor(policy, decision)
  const answer = answerOf({ effect: decision.effect, requires })
  const { dimensions, entries, cel } = spaceOf([policy], tool)
  const matching = new Set(decision.matches.map(({ rule }) => rule))
  const nearly: Explanation['nearly'][number][] = []
  const changes: Explanation['changes'][number][] = []
  for (const dimension of dimensions) {
    for (const other of others(dimension, entries, facts[dimension.fact])) {
      const then = decide(policy, tool, withFact(facts, dimension.fact, other))
      const away = { fact: dimension.fact, value: other }
      const said = { effect: then.effect, requires: peopleFor(policy, then) }
      const key = answerOf(said)
      if (key !== answer) nearer(changes, { ...away, ...said }, (each) => answerOf(each) === key, facts)
      for (const { rule, effect: would } of then.matches) {
        const declared = entries.find(({ id }) => id === rule)
        // A rule that only cannot be decided, since its fact is not known, does not nearly match.
        if (declared === undefined || declared.effect !== would || matching.has(rule)) continue
        nearer(nearly, { ...away, rule, effect: would }, (each) => each.rule === rule, facts)
      }
    }
  }
  return { tool: tool.name, decision, requires, nearly, changes, cel }
}

/** An answer to be told from others. */
const answerOf = ({ effect, requires }: Pick<Explanation['changes'][number], 'effect' | 'requires'>): string =>
  canonicalJson({ effect, requires })

/** Of each cell in which a fact is not, the value nearest to it. */
function others(
  dimension: Dimension,
  entries: readonly Entry[],
  value: FactValue | undefined,
): readonly (FactValue | undefined)[] {
  const asksWhetherKnown = entries.some(({ tests }) =>
    tests.some(({ fact, operator }) => fact === dimension.fact && operator === 'exists'),
  )
  const isOther = (cell: Cell): boolean =>
    (cell.kind !== 'unknown' || asksWhetherKnown) && !isInCell(dimension, cell, value)
  return dimension.cells.filter(isOther).map((cell) => nearestOf(dimension, cell, value))
}

function withFact(facts: Facts, fact: string, value: FactValue | undefined): Facts {
  const { [fact]: _, ...rest } = facts
  return value === undefined ? rest : { ...rest, [fact]: value }
}

/** Adds what was found, unless the same follows from a nearer value of the same fact. */
function nearer<T extends OneFactAway>(found: T[], next: T, isSame: (each: T) => boolean, facts: Facts): void {
  const at = found.findIndex((each) => each.fact === next.fact && isSame(each))
  const before = found[at]
  if (before === undefined) found.push(next)
  else if (distanceOf(next.value, facts[next.fact]) < distanceOf(before.value, facts[next.fact])) found[at] = next
}
