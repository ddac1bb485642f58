import type { KnownFact } from '../../contract/playbook.ts'
import { factsIn } from '../decide/rule.ts'
import { listed, quoted } from '../decide/words.ts'
import type { Condition, Rule } from '../types.ts'
import { readGroups, readQuorum } from './approvals.ts'
import { readExpression } from './cel.ts'
import { type Found, readOneOf, type Reader, readText } from './found.ts'
import type { Report } from './problem.ts'
import { type Entry, readEntries, readItems, readMap, readSection } from './section.ts'
import { readTrigger } from './triggers.ts'

type KnownFacts = ReadonlyMap<string, KnownFact>

export const MOST_RULES = 200
/** Conditions and tests of one rule, the outermost among them. */
export const MOST_PARTS = 100
export const ID = /^[a-z][a-z0-9_]{0,63}$/
export const LONGEST_BECAUSE = 300

export const RULE_KEYS = ['id', 'effect', 'when', 'because', 'quorum', 'approvers'] as const
export const EFFECTS = ['deny', 'escalate', 'require_approval', 'allow'] as const

/** Reads `rules`; without facts (the playbook is unknown) only its form. */
export const readRules =
  (facts: KnownFacts | undefined): Reader<readonly Rule[]> =>
  (found, report) => {
    const items = readItems(found, report, MOST_RULES)
    if (items === undefined) return undefined
    const ids = new Set<string>()
    return items.flatMap((item) => readRule(facts, ids)(item, report) ?? [])
  }

const readRule =
  (facts: KnownFacts | undefined, ids: Set<string>): Reader<Rule> =>
  (found, report) => {
    const readRuleKeys = readSection(RULE_KEYS, (section): Rule | undefined => {
      const id = section.require('id', readId(ids), undefined)
      const where = id === undefined ? found.name : `rules.${id}`
      const effect = section.require('effect', readOneOf(EFFECTS), undefined)
      const when = section.require('when', readCondition(facts, where), undefined)
      const because = section.read('because', readBecause, null)
      const quorum = section.read('quorum', ofApproval(effect, readQuorum), undefined)
      const approvers = section.read('approvers', ofApproval(effect, readGroups), undefined)
      if (id === undefined || effect === undefined || when === undefined) return undefined
      return {
        id: where,
        effect,
        when,
        because,
        ...(quorum === undefined ? {} : { quorum }),
        ...(approvers === undefined ? {} : { approvers }),
      }
    })
    return readRuleKeys(found, report)
  }

/** The id of an entry of `rules` or `limits`, which no other of them has. */
export const readId =
  (ids: Set<string>, what: 'rules' | 'limits' = 'rules'): Reader<string> =>
  (found, report) => {
    const id = readText(found, report)
    if (id === undefined) return undefined
    if (!ID.test(id)) {
      const help = 'use 1 to 64 lower-case letters, digits and `_`, such as `large_refund`.'
      return report.at(found.offset, `\`${found.name}\` cannot be ${quoted(id)}.`, help)
    }
    if (ids.has(id)) {
      return report.at(
        found.offset,
        `two ${what} have the id ${quoted(id)}.`,
        'it stands on the record: give each its own.',
      )
    }
    ids.add(id)
    return id
  }

/** What only a rule that asks for approval can say. */
const ofApproval =
  <T>(effect: Rule['effect'] | undefined, reader: Reader<T>): Reader<T> =>
  (found, report) => {
    if (effect === undefined || effect === 'require_approval') return reader(found, report)
    const message = `\`${found.name}\` says nothing of a rule with the effect \`${effect}\`.`
    return report.at(found.offset, message, 'take it out, or write `effect: require_approval`.')
  }

const readBecause: Reader<string> = (found, report) => {
  const text = readText(found, report)
  if (text === undefined || (text.trim() !== '' && text.length <= LONGEST_BECAUSE)) return text
  const message = `\`${found.name}\` must have 1 to ${LONGEST_BECAUSE} characters, got ${text.length}.`
  return report.at(found.offset, message, 'say in a sentence why the rule is there.')
}

/**
 * A condition: a map with `all`, `any` or `not`, with tests such as `refund_amount_usd_gte: 50`, or with an expression
 * in `cel`. Several keys of one map must all hold.
 */
const readCondition =
  (facts: KnownFacts | undefined, where: string): Reader<Condition> =>
  (found, report) => {
    const condition = read(found, report, { facts, where, left: { parts: MOST_PARTS } })
    if (condition === undefined || facts === undefined) return condition
    const names = factsIn(condition)
    const declaring = names.map((name) => facts.get(name)?.tools ?? [])
    const [first = []] = declaring
    if (first.some((tool) => declaring.every((tools) => tools.includes(tool)))) return condition
    const message = `\`${where}\` is never reached: no tool declares all of ${listed(names)}.`
    return report.at(found.offset, message, 'make a rule of each, or take it out.')
  }

interface Reading {
  readonly facts: KnownFacts | undefined
  readonly where: string
  readonly left: { parts: number }
}

function read(found: Found, report: Report, reading: Reading): Condition | undefined {
  if (--reading.left.parts < 0) {
    const message = `\`${reading.where}\` has more than ${MOST_PARTS} conditions.`
    return report.at(found.offset, message, 'make several rules of it.')
  }
  const map = readMap(found, report)
  if (map === undefined) return undefined
  const entries = readEntries(map, reading.where, report)
  if (entries.length === 0) {
    return report.at(found.offset, `\`${found.name}\` is empty.`, 'write a test, such as `refund_amount_usd_gte: 50`.')
  }
  const parts = entries.flatMap((entry) => readPart(entry, report, reading) ?? [])
  if (parts.length < entries.length) return undefined
  const [only, ...others] = parts
  return only !== undefined && others.length === 0 ? only : { all: parts }
}

function readPart(entry: Entry, report: Report, reading: Reading): Condition | undefined {
  const { key } = entry
  if (key === 'not') {
    const not = read(entry, report, reading)
    return not === undefined ? undefined : { not }
  }
  if (key === 'all' || key === 'any') {
    const items = readItems(entry, report, MOST_PARTS)
    const parts = items?.flatMap((item) => read(item, report, reading) ?? [])
    if (items === undefined || parts === undefined || parts.length < items.length) return undefined
    return key === 'all' ? { all: parts } : { any: parts }
  }
  if (reading.facts === undefined) return undefined
  if (key === 'cel') {
    const cel = readExpression(reading.facts)(entry, report)
    return cel === undefined ? undefined : { cel }
  }
  const [test] = readTrigger(entry, reading.where, reading.facts, report)
  return test === undefined ? undefined : { test }
}
