import { requirementText } from '../contract/approving.ts'
import type { Facts } from '../contract/fact.ts'
import { matchText } from '../contract/text.ts'
import type { WriteTool } from '../contract/tool.ts'
import {
  explainAction,
  type Explanation,
  limitsOf,
  type OneFactAway,
  type Spoken,
  spokenOf,
} from '../policy/analyse/explain.ts'
import { readGivenFacts } from '../policy/analyse/given-facts.ts'
import { demandsOn, demandText } from '../policy/decide/evidence.ts'
import type { EvidenceDemand, Policy } from '../policy/types.ts'
import { valueText } from '../policy/analyse/regions.ts'
import { suggestion } from '../policy/load/nearest.ts'
import { UsageError } from './errors.ts'
import { jsonObject } from './json-object.ts'
import { celText, factsText, saidText } from './policy-diff.ts'
import type { GivenPolicy } from './policy-files.ts'
import { plain, plainIndented } from './terminal.ts'

const FACTS_HELP = {
  json: 'Quote it for your shell.',
  object: 'Write it such as \'{"refund_amount_usd": 120}\'.',
}

/** What speaks of tools, or what is said of one action. */
export type Explained =
  | {
      readonly about: 'tools'
      readonly tools: readonly Spoken[]
      /** How long what its runs hold is kept; absent: until it is erased, or one tool was asked for. */
      readonly data?: Policy['data']
    }
  | {
      readonly about: 'action'
      readonly tool: WriteTool
      readonly facts: Facts
      readonly is: Explanation
      /** Of which only the ledger tells whether they are reached. */
      readonly limits: Spoken['entries']
      /** Which only what it cites tells whether they are met. */
      readonly demands: readonly EvidenceDemand[]
    }

/** Without facts, what in the policy speaks of which tools; with them, what it says of the action. */
export function explainPolicy(
  { policy, contract, writes }: GivenPolicy,
  { action, facts }: { readonly action?: string; readonly facts?: string },
): Explained {
  const tool = action === undefined ? undefined : writes.find(({ name }) => name === action)
  if (action !== undefined && tool === undefined) {
    const names = writes.map(({ name }) => name)
    const help = suggestion(action, names, `the tools that write in \`${contract.name}\` are`)
    throw new UsageError(`unknown tool \`${action}\``, help)
  }
  if (facts === undefined) {
    const tools = (tool === undefined ? writes : [tool]).map((each) => spokenOf(policy, each))
    return { about: 'tools', tools, ...(tool === undefined && policy.data !== undefined ? { data: policy.data } : {}) }
  }
  if (tool === undefined) {
    throw new UsageError('--facts are facts of an action', 'Name its tool with --action.')
  }
  const read = readGivenFacts(jsonObject(facts, '--facts', FACTS_HELP), tool.declares)
  if (!read.ok) throw new UsageError(read.message, read.help)
  return {
    about: 'action',
    tool,
    facts: read.facts,
    is: explainAction(policy, tool, read.facts),
    limits: limitsOf(policy, tool),
    demands: demandsOn(policy, tool),
  }
}

/** What was explained, as people read it. */
export function explainedLines(explained: Explained): readonly string[] {
  if (explained.about === 'tools') {
    return [...explained.tools.flatMap(spokenLines), ...dataLines(explained.data)].map(plainIndented)
  }
  const { tool, facts, is, limits, demands } = explained
  const { decision, requires, nearly, changes, cel } = is
  const also = [
    ...limits.map(({ id, ...entry }) => `${entryText(entry)}: ${id}, when the ledger says that it is reached`),
    ...demands.map((demand) => `escalate: evidence, unless it cites ${demandText(demand)}`),
  ]
  const away = ({ fact, value }: OneFactAway): string => {
    const declaration = tool.declares[fact]
    return `${fact} ${declaration === undefined ? '' : valueText(value, declaration)}`
  }
  const spoken = Object.fromEntries(Object.entries(facts).filter(([name]) => Object.hasOwn(tool.declares, name)))
  return [
    `${tool.name}: ${factsText(spoken, tool.declares)}: ${decision.effect}`,
    ...section(
      'matched',
      decision.matches.map((match) => `${match.effect}: ${matchText(match)}`),
      'nothing',
    ),
    ...(requires.length === 0 ? [] : section('needs', requires.map(requirementText), '')),
    ...section(
      'nearly',
      nearly.map((near) => `${near.effect}: ${near.rule}, with ${away(near)}`),
      'nothing',
    ),
    ...section(
      'otherwise',
      changes.map((change) => {
        const isSame = change.effect === decision.effect
        return `${saidText(change.effect, change.requires, isSame)} with ${away(change)}`
      }),
      cel.length === 0
        ? 'no change of one fact changes the answer'
        : 'no change of one fact was found to change the answer',
    ),
    ...(cel.length === 0 ? [] : section('inexact', [`${celText(cel)}: there may be nearer values, and others`], '')),
    ...(also.length === 0 ? [] : section('also', also, '')),
  ].map(plainIndented)
}

/** An effect, and by whom where that is more than what always holds. */
const entryText = ({ effect, requires }: Pick<Spoken['entries'][number], 'effect' | 'requires'>): string =>
  saidText(effect, requires === undefined ? [] : [requires])

const spokenLines = ({ tool, entries }: Spoken): readonly string[] => [
  tool,
  ...section(
    '',
    entries.map(({ id, facts, asks, ...entry }) => {
      const about = facts.length === 0 ? '' : ` (${facts.join(', ')})`
      return `${entryText(entry)}: ${id}: ${asks}${about}`
    }),
    'nothing speaks of it',
  ),
]

/** What becomes of the data of its runs. */
const dataLines = (data: Policy['data']): readonly string[] =>
  data === undefined
    ? []
    : ['data', `  data.retain_days: ${data.retainDays} days after a run has closed, what it holds of people is deleted`]

/** Lines under a label; what is said where there is none. */
const section = (label: string, lines: readonly string[], none: string): readonly string[] =>
  (lines.length === 0 ? [none] : lines).map(
    (line, at) => `  ${label === '' ? '' : (at === 0 ? label : '').padEnd(11)}${plain(line)}`,
  )

const toldJson = <T extends OneFactAway>({ value, ...rest }: T) => ({ ...rest, value: value ?? null })

/** What was explained, as JSON. Money is in cents; a `value` of `null`: if the fact were not known. */
export function explainedJson(explained: Explained) {
  if (explained.about === 'tools') {
    const { tools, data } = explained
    return { tools, ...(data === undefined ? {} : { data }) }
  }
  const { tool, facts, is, limits, demands } = explained
  return {
    tool: tool.name,
    facts,
    decision: is.decision,
    requires: is.requires,
    nearly: is.nearly.map(toldJson),
    changes: is.changes.map(toldJson),
    cel: is.cel,
    limits,
    demands,
  }
}
