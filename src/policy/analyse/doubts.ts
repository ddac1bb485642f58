import type { Decision } from '../../contract/action.ts'
import type { FactDeclarations, Facts } from '../../contract/fact.ts'
import { demandsOn, demandText } from '../decide/evidence.ts'
import { decide } from '../decide/index.ts'
import { listed, quoted } from '../decide/words.ts'
import type { LoadedPolicy } from '../load/parse.ts'
import type { PolicyProblem } from '../load/problem.ts'
import type { Policy, Trigger } from '../types.ts'
import { type Dead, deadIn } from './dead.ts'
import { type AnalysedTool, entriesOf } from './entries.ts'
import { type Gap, gapsIn } from './gaps.ts'
import { type Overruled, Overruling } from './overruled.ts'
import { type Place, placesOf } from './places.ts'
import { valueAt } from './ranges.ts'
import { valueText } from './regions.ts'
import { factsAt, type Point, spaceOf } from './space.ts'

interface Doubt {
  /** What of the policy it is about, as on the record; it is told where the last of them stands. None: all of it. */
  readonly about: readonly string[]
  readonly message: string
  readonly help: string
}

/**
 * What in a sound policy its owner will not have meant: what never matches, what never tips the scale, `allow` where
 * nothing is allowed, thresholds that leave a gap, evidence that grows old before people have to answer. Warnings, in the order of the file; each with a place and an example.
 */
export function doubtsAbout(
  { policy, text }: Pick<LoadedPolicy, 'policy' | 'text'>,
  file: string,
  tools: readonly AnalysedTool[],
): readonly PolicyProblem[] {
  const entries = entriesOf(policy)
  const dead = entries.flatMap((entry) => deadIn(policy, entry, tools).map((each) => ({ entry, ...each })))
  const overruling = new Overruling(policy, entries)
  const doubts: Doubt[] = dead.map((each) => deadDoubt(each.entry.id, each))
  const unseen = new Set<string>()
  const asking: AnalysedTool[] = []
  for (const tool of tools) {
    const space = spaceOf([policy], tool)
    if (!space.exact) {
      for (const { id } of space.entries) unseen.add(id)
      doubts.push(space.cel.length > 0 ? celDoubt(tool, space.cel) : unseenDoubt(tool, space.size))
      continue
    }
    const decisions = new Map<string, Decision>()
    for (const point of space.points) {
      const facts = factsAt(space, point)
      const decision = decide(policy, tool, facts)
      overruling.add(tool, facts, decision)
      decisions.set(point.join(' '), decision)
    }
    if ([...decisions.values()].some(({ effect }) => effect === 'require_approval')) asking.push(tool)
    const decided = (point: Point): Decision => decisions.get(point.join(' ')) ?? { effect: 'deny', matches: [] }
    doubts.push(...gapsIn(space, decided, (point) => factsAt(space, point)).map(gapDoubt))
  }
  doubts.push(...staleDoubts(policy, asking))
  const isLooked = ({ entry }: Overruled): boolean => !unseen.has(entry.id)
  doubts.push(...overruling.shadowed.filter(isLooked).map(shadowDoubt))
  doubts.push(...overruling.contradicted.filter(isLooked).map(contradictionDoubt))

  const places = placesOf(text)
  return doubts
    .map(({ about, message, help }): PolicyProblem => {
      const { line, column } =
        about
          .flatMap((id) => places.get(id) ?? [])
          .toSorted(inOrder)
          .at(-1) ?? FIRST
      return { code: 'policy_doubtful', level: 'warning', file, line, column, message, help }
    })
    .toSorted(inOrder)
}

const FIRST: Place = { line: 1, column: 1 }
const inOrder = (a: Place, b: Place): number => a.line - b.line || a.column - b.column

/** Facts in a sentence: `refund_amount_usd $50.00 and customer_tier standard`. */
function factsText(facts: Facts, declares: FactDeclarations): string {
  const words = Object.entries(facts).flatMap(([name, value]) => {
    const declaration = declares[name]
    return declaration === undefined ? [] : [`${name} ${valueText(value, declaration)}`]
  })
  return words.length === 0 ? 'nothing known' : words.join(', ')
}

/** `refund_amount_usd_gte`, as it stands in the file. */
const keyOf = ({ fact, operator }: Trigger): string => `${fact}_${operator}`

const testsText = (tests: readonly Trigger[], one: string, several: string): string =>
  tests.length === 0 ? '' : `${listed(tests.map(keyOf))} ${tests.length === 1 ? one : several}`

function deadDoubt(id: string, { part, tool, nearest, hold, failing }: Dead): Doubt {
  const what =
    part === null ? `${quoted(id)} can never match` : `part ${part} of the \`any\` of ${quoted(id)} can never hold`
  const parts = [testsText(hold, 'holds', 'hold'), testsText(failing, 'does not', 'do not')].filter(
    (words) => words !== '',
  )
  // Where all hold, one of them was not to.
  const how = failing.length === 0 ? [...parts, 'it does not match'] : parts
  return {
    about: [id],
    message: `${what}: with ${factsText(nearest, tool.declares)}, ${how.join(' and ')}.`,
    help: 'mend what it is compared with, or take it out.',
  }
}

function shadowDoubt({ entry, by, tool, facts, effect }: Overruled): Doubt {
  const decides = by.length === 1 ? 'decides' : 'decide'
  return {
    about: [entry.id],
    message:
      `${quoted(entry.id)} never tips the scale: wherever it matches, ${listed(by)} ${decides} at least as much, ` +
      `such as ${effect} with ${factsText(facts, tool.declares)}.`,
    help: 'take it out, or mend the one that is wider than was meant.',
  }
}

function contradictionDoubt({ entry, by, tool, facts, effect }: Overruled): Doubt {
  const decides = by.length === 1 ? 'decides' : 'decide'
  return {
    about: [entry.id],
    message:
      `${quoted(entry.id)} says \`allow\` and nothing that it matches is allowed: ${listed(by)} ${decides} otherwise, ` +
      `such as ${effect} with ${factsText(facts, tool.declares)}.`,
    help: '`allow` overrules nothing: narrow what decides otherwise, or take it out.',
  }
}

/** People may be given longer to approve than what they see stays fresh. `asking`: what they may be asked about. */
const staleDoubts = (policy: Policy, asking: readonly AnalysedTool[]): readonly Doubt[] =>
  (policy.evidence ?? []).flatMap((demand, at) => {
    const { freshMinutes } = demand
    const { expiresMinutes } = policy.approvals
    const tool = asking.find((one) => demandsOn(policy, one).includes(demand))
    if (freshMinutes === undefined || freshMinutes >= expiresMinutes || tool === undefined) return []
    return {
      about: [`evidence.${at}`],
      message:
        `people may take ${expiresMinutes} minutes to approve ${quoted(tool.name)}, and it wants ${demandText(demand)} when it ` +
        'is done: an approval after that comes to nothing, and the run ends escalated.',
      help: 'shorten `approvals.expires_minutes`, or let it be older.',
    }
  })

function gapDoubt({ tool, dimension, range, at, below, above, facts }: Gap): Doubt {
  const { fact, declaration } = dimension
  const words = (value: Gap['below']['value']): string => valueText(value, declaration)
  const ends = [range.from, range.to].flatMap((end) =>
    end === null || (declaration.type !== 'money' && declaration.type !== 'number')
      ? []
      : [words(valueAt(end, declaration))],
  )
  const gap = range.from === range.to ? ends[0] : ends.join(' to ')
  const ids = [...new Set([below.by, above.by].flatMap((id) => id ?? []))]
  const others = Object.fromEntries(Object.entries(facts).filter(([name]) => name !== fact))
  const where = Object.keys(others).length === 0 ? '' : `, such as with ${factsText(others, tool.declares)}`
  return {
    about: ids,
    message:
      `${ids.map((id) => quoted(id)).join(' and ')} ${ids.length === 1 ? 'leaves' : 'leave'} a gap: ${fact} ${gap} is ` +
      `decided ${at}, ${words(below.value)} ${below.effect} and ${words(above.value)} ${above.effect}${where}.`,
    help: 'let one of the thresholds take it in: `_lte` for `_lt`, or `_gte` for `_gt`.',
  }
}

const celDoubt = ({ name }: AnalysedTool, cel: readonly string[]): Doubt => ({
  about: cel,
  message: `inexact: ${listed(cel)} ${cel.length === 1 ? 'is' : 'are'} CEL: rules of ${quoted(name)} that never count, and gaps, were not looked for.`,
  help: 'say what operators can say in operators to have it looked at.',
})

const unseenDoubt = ({ name }: AnalysedTool, size: number): Doubt => ({
  about: [],
  message: `${quoted(name)} has ${size} combinations of facts, too many to look for rules of it that never count.`,
  help: 'have fewer thresholds and words in one policy to have it looked at whole.',
})
