import type { Effect } from '../contract/action.ts'
import type { Requirement } from '../contract/approving.ts'
import type { FactDeclarations, Facts } from '../contract/fact.ts'
import { type ComparedTool, diffPolicies, isSame, type PolicyDiff, type Region } from '../policy/analyse/diff.ts'
import { isAnybody, peopleText } from '../policy/analyse/people.ts'
import { partText, valueText } from '../policy/analyse/regions.ts'
import { NONE, type SettingChange } from '../policy/analyse/settings.ts'
import type { Space } from '../policy/analyse/space.ts'
import { UsageError } from './errors.ts'
import type { GivenPolicy } from './policy-files.ts'
import { plainIndented } from './terminal.ts'

/** Compares two policies. Fails as a usage error when they are of two playbooks. */
export function comparePolicies(given: readonly GivenPolicy[]): PolicyDiff {
  const [before, after] = given
  if (before === undefined || after === undefined) throw new RangeError('two policies are compared')
  if (before.contract === after.contract) return diffPolicies(before.policy, after.policy, before.writes)
  const names = `\`${before.contract.name}\` and \`${after.contract.name}\``
  throw new UsageError(`the policies are of two playbooks, ${names}`, 'Compare policies with the same `workflow`.')
}

/** Facts in one line: `refund_amount_usd $50.00, customer_tier standard`. */
export const factsText = (facts: Facts, declares: FactDeclarations): string =>
  Object.entries(facts)
    .flatMap(([name, value]) => {
      const declaration = declares[name]
      return declaration === undefined ? [] : [`${name} ${valueText(value, declaration)}`]
    })
    .join(', ') || 'no fact known'

const whereText = ({ where }: Region, { tool }: Space): string =>
  where
    .flatMap((part) => {
      const declaration = tool.declares[part.fact]
      return declaration === undefined ? [] : [partText(part, declaration)]
    })
    .join(', ') || 'whatever its facts are'

/** An effect, and who has to approve: `always`, or where that is more than what always holds. */
export const saidText = (effect: Effect, requires: readonly Requirement[], always = false): string =>
  requires.length === 0 || (!always && isAnybody(requires)) ? effect : `${effect} by ${peopleText(requires)}`

const changeText = ({ from, to, requires }: Region): string =>
  `${saidText(from, requires.from, from === to)} → ${saidText(to, requires.to, from === to)}`

const regionLines = ({ space, regions }: ComparedTool): readonly string[] =>
  regions.flatMap((region) => [
    `${region.tool}: ${whereText(region, space)}: ${changeText(region)}`,
    `  such as ${factsText(region.witness, space.tool.declares)}`,
  ])

/** Whether a text is looked at for words: then its predicates were taken as independent of one another. */
const asksText = ({ space }: ComparedTool): boolean => space.dimensions.some(({ predicates }) => predicates.length > 0)

/** `rules.near_the_total is CEL` */
export const celText = (cel: readonly string[]): string => `${cel.join(', ')} ${cel.length === 1 ? 'is' : 'are'} CEL`

/** What a reader has to know of how it was compared. */
function notesOf({ tools, limits }: PolicyDiff): readonly string[] {
  const texts = 'texts: every word that is looked for counts as found or not found, independently of the others.'
  const inexact = tools.flatMap(({ space: { cel, dimensions, tool, size, looked } }) => [
    ...(looked === size && dimensions.every(({ exact }) => exact)
      ? []
      : [
          `${tool.name}: inexact: ${looked} of ${size} combinations were looked at, with the facts together that ` +
            'rules combine. Each line is so of its example; more may differ.',
        ]),
    ...(cel.length === 0
      ? []
      : [
          `${tool.name}: inexact: ${celText(cel)}: samples were looked at. Each line is so of its example; more may differ.`,
        ]),
  ])
  const overTime = `${limits.join(', ')}: decided by what the ledger has, so in no region above.`
  return [...(tools.some(asksText) ? [texts] : []), ...inexact, ...(limits.length === 0 ? [] : [overTime])]
}

/** A setting in one line; of a limit that only one of the policies has, what became of it. */
const settingText = ({ setting, from, to }: SettingChange, limits: readonly string[]): string => {
  if (!limits.includes(setting)) return `${setting}: ${from} → ${to}`
  return `${setting}: ${from === NONE ? 'added' : 'removed'}`
}

/** What differs, as people read it. */
export function diffLines(diff: PolicyDiff): readonly string[] {
  const lines = [...diff.tools.flatMap(regionLines), ...diff.settings.map((change) => settingText(change, diff.limits))]
  const none = isSame(diff) ? 'no difference of meaning' : 'no difference was found'
  return [...(lines.length === 0 ? [none] : lines), ...notesOf(diff)].map(plainIndented)
}

/** What differs, as JSON. Money is in cents; `null` in a range: it has no end there. */
export const diffJson = (diff: PolicyDiff) => ({
  same: isSame(diff),
  exact: diff.tools.every(({ space }) => space.exact),
  regions: diff.tools.flatMap(({ regions, space }) =>
    regions.map((region) => ({
      tool: region.tool,
      from: region.from,
      to: region.to,
      requires: region.requires,
      where: whereText(region, space),
      facts: region.where.map(({ fact, unknown, anyKnown, ranges, values, texts, predicates }) => {
        const of = (places: readonly number[]) =>
          places.flatMap((at) => {
            const { relation, words } = predicates[at] ?? {}
            return relation === undefined ? [] : [{ relation, anyOf: words }]
          })
        return {
          fact,
          notKnown: unknown,
          anyKnown,
          ranges: ranges.map(({ from, to, fromIncluded, toIncluded }) => ({ from, to, fromIncluded, toIncluded })),
          values,
          texts: texts.map(({ are, areNot }) => ({ are: of(are), areNot: of(areNot) })),
        }
      }),
      witness: region.witness,
    })),
  ),
  settings: diff.settings,
  notes: notesOf(diff),
})
