import { isSeq, type Node } from 'yaml'
import type { Effect } from '../../contract/action.ts'
import type { Facts, FactValue } from '../../contract/fact.ts'
import { type PlaybookContract, writesOf } from '../../contract/playbook.ts'
import type { Tool, WriteTool } from '../../contract/tool.ts'
import { EFFECTS_BY_FORCE, saidOfEveryWrite } from '../decide/index.ts'
import { quoted } from '../decide/words.ts'
import { describe, type Found, readName, readOneOf, type Reader, readText } from '../load/found.ts'
import { suggestion } from '../load/nearest.ts'
import { readFactValue } from '../load/operands.ts'
import { type PolicyProblem, Report } from '../load/problem.ts'
import { readEntries, readMap, readSection } from '../load/section.ts'
import { readTableSource } from '../load/source.ts'
import type { Policy } from '../types.ts'
import { entriesOf } from '../analyse/entries.ts'

/** One row of a decision table: what a policy is to say of an action. */
export interface Case {
  readonly name: string
  readonly tool: WriteTool
  /** A fact that the row leaves out is not known. */
  readonly facts: Facts
  readonly decision: Effect
  /** The ids of all that is to match, in the order of the record. */
  readonly rules: readonly string[]
  /** Where it stands in the file, from 1. */
  readonly line: number
  readonly column: number
}

export type ParsedTable =
  | { readonly ok: true; readonly cases: readonly Case[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] }

const KEYS = ['name', 'tool', 'facts', 'decision', 'rules'] as const

/** What a case is checked against. */
interface Known {
  readonly tools: readonly Tool[]
  readonly rules: readonly string[]
}

const readTool =
  ({ tools }: Known): Reader<WriteTool> =>
  (found, report) => {
    const name = readText(found, report)
    if (name === undefined) return undefined
    const tool = tools.find((one) => one.name === name)
    if (tool?.kind === 'write') return tool
    const writes = writesOf({ tools }).map((one) => one.name)
    const [message, help] =
      tool === undefined
        ? [`unknown tool ${quoted(name)}.`, suggestion(name, writes, 'the tools that write in this playbook are')]
        : [`${quoted(name)} only reads: no policy decides on it.`, 'name a tool that writes.']
    return report.at(found.offset, message, help)
  }

/** Facts of a tool, typed as it declares them; without a tool (it is unknown) only that they are a map. */
const readFacts =
  (tool: WriteTool | undefined): Reader<Facts> =>
  (found, report) => {
    const map = readMap(found, report)
    if (map === undefined || tool === undefined) return undefined
    const facts: Record<string, FactValue> = {}
    for (const entry of readEntries(map, found.name, report)) {
      const { key, keyOffset } = entry
      const declaration = Object.hasOwn(tool.declares, key) ? tool.declares[key] : undefined
      if (declaration === undefined) {
        const help = suggestion(key, Object.keys(tool.declares), `the facts of ${quoted(tool.name)} are`)
        report.at(keyOffset, `unknown fact ${quoted(key)} of ${quoted(tool.name)}.`, help)
        continue
      }
      const value = readFactValue(declaration)(entry, report)
      if (value !== undefined) facts[key] = value
    }
    return facts
  }

const readRules =
  ({ rules }: Known): Reader<readonly string[]> =>
  ({ name, node, offset }, report) => {
    if (!isSeq(node)) {
      return report.at(offset, `\`${name}\` must be a list, got ${describe(node)}.`, 'put it in brackets: `[…]`.')
    }
    return node.items.flatMap((item, at) => {
      const inner = item as Node | null
      const place: Found = { name: `${name}[${at}]`, node: inner, offset: inner?.range?.[0] ?? offset }
      const rule = readText(place, report)
      if (rule === undefined) return []
      if (rules.includes(rule)) return [rule]
      const help = suggestion(rule, rules, 'the rules of this policy are')
      report.at(place.offset, `unknown rule ${quoted(rule)}.`, help)
      return []
    })
  }

const readCase = (known: Known): Reader<Omit<Case, 'line' | 'column'>> =>
  readSection(KEYS, (section) => {
    const name = section.require('name', readName, undefined)
    const tool = section.require('tool', readTool(known), undefined)
    const facts = section.require('facts', readFacts(tool), undefined)
    const decision = section.require('decision', readOneOf(EFFECTS_BY_FORCE), undefined)
    const rules = section.require('rules', readRules(known), undefined)
    return name === undefined ||
      tool === undefined ||
      facts === undefined ||
      decision === undefined ||
      rules === undefined
      ? undefined
      : { name, tool, facts, decision, rules }
  })

/** A policy without any trigger or rule has one all the same, and so has a level of autonomy. */
const idsOf = (policy: Policy): readonly string[] => [
  ...saidOfEveryWrite(policy).map(({ rule }) => rule),
  ...entriesOf(policy).map(({ id }) => id),
]

/**
 * Reads the text of a decision table and checks it against the policy and the contract of its playbook. `file` is only
 * for messages. Either all cases in the order of the file, or every problem that was found. Never throws, whatever the text.
 */
export function parseTable(text: string, file: string, policy: Policy, contract: PlaybookContract): ParsedTable {
  const report = new Report(file, text, 'cases_invalid')
  const list = readTableSource(text, report)
  const known: Known = { tools: contract.tools, rules: idsOf(policy) }
  const names = new Set<string>()
  const cases = (list?.items ?? []).flatMap((item, at) => {
    const node = item as Node | null
    const found: Found = { name: `cases[${at}]`, node, offset: node?.range?.[0] ?? 0 }
    const one = readCase(known)(found, report)
    if (one === undefined) return []
    if (names.has(one.name)) {
      report.at(found.offset, `two cases have the name ${quoted(one.name)}.`, 'give each its own.')
    }
    names.add(one.name)
    return [{ ...one, ...report.place(found.offset) }]
  })
  return report.isEmpty ? { ok: true, cases } : { ok: false, problems: report.problems }
}
