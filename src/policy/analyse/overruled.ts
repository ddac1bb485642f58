import type { Decision, Effect, Match } from '../../contract/action.ts'
import type { Requirement } from '../../contract/approving.ts'
import type { Facts } from '../../contract/fact.ts'
import { EFFECTS_BY_FORCE } from '../decide/index.ts'
import { requirementOfRule } from '../decide/requirements.ts'
import type { Policy } from '../types.ts'
import type { AnalysedTool, Entry } from './entries.ts'
import { takesIn } from './people.ts'

/** Something in a policy that changes no decision. */
export interface Overruled {
  readonly entry: Entry
  /** What decides wherever it matches: one of these. */
  readonly by: readonly string[]
  readonly tool: AnalysedTool
  /** An action of which it matches, and how that is decided. */
  readonly facts: Facts
  readonly effect: Effect
}

interface Seen {
  readonly tool: AnalysedTool
  readonly facts: Facts
  readonly effect: Effect
}

const force = (effect: Effect): number => EFFECTS_BY_FORCE.length - EFFECTS_BY_FORCE.indexOf(effect)

const knownIn = ({ facts }: Seen): number => Object.keys(facts).length

/** Gathers decisions, and tells what in the policy none of them turned on. */
export class Overruling {
  readonly #entries: ReadonlyMap<string, Entry>
  readonly #requirements: ReadonlyMap<string, Requirement>
  /** Of each entry: wherever it matched, the others that said at least as much; of an `allow`, those that decided. */
  readonly #matched = new Map<string, Map<string, readonly string[]>>()
  /** Of each: an example in which it is true, and not only cannot be decided. */
  readonly #true = new Map<string, Seen>()
  readonly #allowed = new Set<string>()

  /** `policy`: that of the entries. */
  constructor(policy: Policy, entries: readonly Entry[]) {
    this.#entries = new Map(entries.map((entry) => [entry.id, entry]))
    this.#requirements = new Map(entries.map(({ id }) => [id, requirementOfRule(policy, id)]))
  }

  add(tool: AnalysedTool, facts: Facts, { matches }: Decision): void {
    const own = matches.filter(({ rule }) => this.#entries.has(rule))
    const effect = EFFECTS_BY_FORCE.find((each) => own.some((match) => match.effect === each)) ?? 'allow'
    const seen: Seen = { tool, facts, effect }
    for (const match of own) {
      const least = match.effect === 'allow' ? effect : match.effect
      const others = own.filter((other) => other.rule !== match.rule && this.#saysAsMuch(other, match, least))
      const ids = others.map(({ rule }) => rule)
      const before = this.#matched.get(match.rule) ?? new Map<string, readonly string[]>()
      this.#matched.set(match.rule, before.set(ids.join(' '), ids))
      if (!this.#isTrue(match)) continue
      const example = this.#true.get(match.rule)
      if (example === undefined || knownIn(example) < knownIn(seen)) this.#true.set(match.rule, seen)
      if (effect === 'allow') this.#allowed.add(match.rule)
    }
  }

  /** Whether a match has at least this effect; of two that ask for approval, also from those whom the other one asks. */
  #saysAsMuch(one: Match, other: Match, least: Effect): boolean {
    if (one.effect !== 'require_approval' || other.effect !== one.effect) return force(one.effect) >= force(least)
    const [asked, wanted] = [this.#requirements.get(one.rule), this.#requirements.get(other.rule)]
    return asked !== undefined && wanted !== undefined && takesIn(asked, wanted)
  }

  #isTrue({ rule, effect, fact, value }: Match): boolean {
    const entry = this.#entries.get(rule)
    if (entry?.effect !== effect) return false
    // What denies has the same effect where it cannot be decided: then the match names a fact that has no value.
    return (
      effect !== 'deny' ||
      fact === undefined ||
      value !== undefined ||
      entry.tests.some(({ operator }) => operator === 'exists')
    )
  }

  #othersOf(id: string): readonly (readonly string[])[] {
    return [...(this.#matched.get(id)?.values() ?? [])]
  }

  /**
   * The entries that could all go without any decision becoming another one, the weakest and last first. `allow` rules
   * are not among them: they are there for the record.
   */
  get shadowed(): readonly Overruled[] {
    const gone = new Set<string>()
    // Without any trigger or rule a policy asks for every approval: the last one stays.
    let speaking = [...this.#entries.values()].filter(({ when }) => when !== null).length
    const found: Overruled[] = []
    const weakestLast = [...this.#entries.values()].toSorted(
      (a, b) => EFFECTS_BY_FORCE.indexOf(a.effect) - EFFECTS_BY_FORCE.indexOf(b.effect),
    )
    for (const entry of weakestLast.toReversed()) {
      const example = this.#true.get(entry.id)
      if (entry.effect === 'allow' || example === undefined) continue
      const others = this.#othersOf(entry.id).map((ids) => ids.filter((id) => !gone.has(id)))
      if (others.some(({ length }) => length === 0) || (entry.when !== null && speaking === 1)) continue
      gone.add(entry.id)
      if (entry.when !== null) speaking--
      const { tool, facts, effect } = example
      found.push({ entry, by: coverOf(others), tool, facts, effect })
    }
    return found
  }

  /** The `allow` rules that match, and of which nothing is allowed. */
  get contradicted(): readonly Overruled[] {
    return [...this.#true].flatMap(([id, { tool, facts, effect }]) => {
      const entry = this.#entries.get(id)
      if (entry?.effect !== 'allow' || this.#allowed.has(id)) return []
      const others = this.#othersOf(id)
      return [{ entry, by: coverOf(others.filter(({ length }) => length > 0)), tool, facts, effect }]
    })
  }
}

/** Few ids of which each list has one: always the one that most of the lists have that are left. */
function coverOf(lists: readonly (readonly string[])[]): readonly string[] {
  const cover: string[] = []
  for (let left = lists; left.length > 0;) {
    const counts = new Map<string, number>()
    for (const id of left.flat()) counts.set(id, (counts.get(id) ?? 0) + 1)
    const [best] = [...counts].toSorted(([, a], [, b]) => b - a)
    if (best === undefined) break
    cover.push(best[0])
    left = left.filter((ids) => !ids.includes(best[0]))
  }
  return cover
}
