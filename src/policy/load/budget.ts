import { isSeq, type Node } from 'yaml'
import { formatMoney, MICRO_USD_PER_USD, type Money, parseMoney } from '../../contract/money.ts'
import type { PlaybookContract } from '../../contract/playbook.ts'
import { quoted } from '../decide/words.ts'
import type { Policy, ValueCaps } from '../types.ts'
import { describe, readDecimal, readMicroUsd, readOneOf, type Reader, readWholeNumber } from './found.ts'
import { readSection, type Section } from './section.ts'

export const MOST_TOOL_CALLS = 1_000_000
export const MOST_ENTRIES = 100

/** A cap as it was read: `null`: none; `undefined`: one that could not be read, so nothing is compared with it. */
type Read = number | null | undefined

export interface ReadCaps {
  readonly modelBudgetMicroUsd: Read
  readonly maxToolCalls: Read
}

type CapKey = 'model_budget_usd' | 'max_tool_calls'

const READERS: Readonly<Record<CapKey, Reader<number>>> = {
  model_budget_usd: readMicroUsd,
  max_tool_calls: readWholeNumber(0, MOST_TOOL_CALLS),
}

/** The caps that a policy gives every run. */
export function readCaps(top: Section<CapKey>): ReadCaps {
  const read = (key: CapKey): Read => top.read(key, READERS[key], top.has(key) ? undefined : null)
  return { modelBudgetMicroUsd: read('model_budget_usd'), maxToolCalls: read('max_tool_calls') }
}

export const ON_EXCEEDED = ['escalate', 'refuse', 'ask'] as const

const readOnExceeded =
  (base: ReadCaps): Reader<Policy['budget']['onExceeded']> =>
  (found, report) => {
    const word = readOneOf(ON_EXCEEDED)(found, report)
    if (word !== 'ask') return word
    for (const [key, cap] of [
      ['model_budget_usd', base.modelBudgetMicroUsd],
      ['max_tool_calls', base.maxToolCalls],
    ] as const) {
      if (cap !== 0) continue
      const message = `\`${found.name}: ask\` asks for as much again, and \`${key}\` is 0.`
      report.at(found.offset, message, 'raise that, or write `escalate` or `refuse`.')
    }
    return word
  }

const readAtLeast =
  (before: Money | undefined): Reader<Money<'USD'>> =>
  (found, report) => {
    const digits = readDecimal(found, report)
    if (digits === undefined) return undefined
    const wrong = (wanted: string, help: string): undefined =>
      report.at(found.offset, `\`${found.name}\` must be ${wanted}, got ${quoted(digits)}.`, help)
    let atLeast: Money<'USD'> | undefined
    try {
      atLeast = parseMoney('USD', digits)
    } catch {
      // Said below.
    }
    if (atLeast === undefined || atLeast.cents <= 0) {
      return wrong('an amount of USD above 0 with at most two decimals', 'write it such as `500`.')
    }
    if (before === undefined || atLeast.cents > before.cents) return atLeast
    const help = 'list the entries from the lowest value to the highest, each value once.'
    return wrong(`more than the ${formatMoney(before)} of the entry before it`, help)
  }

/** A cap that has to be above the one that holds without it. */
const readRaised =
  (key: CapKey, below: Read): Reader<number> =>
  (found, report) => {
    const cap = READERS[key](found, report)
    if (cap === undefined || below === undefined) return cap
    if (below === null) {
      const help = `give the policy a \`${key}\`, or take this out.`
      return report.at(found.offset, `\`${found.name}\` raises a cap that the policy does not have.`, help)
    }
    if (cap > below) return cap
    const holds = key === 'model_budget_usd' ? below / MICRO_USD_PER_USD : below
    const message = `\`${found.name}\` must be more than the ${holds} that holds below it, got ${describe(found.node)}.`
    return report.at(found.offset, message, 'an entry can only raise; leave the key out where nothing changes.')
  }

interface Entry extends ReadCaps {
  readonly atLeast: Money<'USD'> | undefined
}

export const ENTRY_KEYS = ['at_least_usd', 'model_budget_usd', 'max_tool_calls'] as const

/** An entry, with the caps of what holds below it where it gives none. */
const readEntry =
  (below: Entry): Reader<Entry> =>
  (found, report) =>
    readSection(ENTRY_KEYS, (section): Entry => {
      if (!section.has('model_budget_usd') && !section.has('max_tool_calls')) {
        const help = 'give it a `model_budget_usd`, a `max_tool_calls`, or both.'
        report.at(found.offset, `\`${found.name}\` raises nothing.`, help)
      }
      const raised = (key: CapKey, cap: Read): Read => section.read(key, readRaised(key, cap), cap)
      return {
        atLeast: section.require('at_least_usd', readAtLeast(below.atLeast), undefined),
        modelBudgetMicroUsd: raised('model_budget_usd', below.modelBudgetMicroUsd),
        maxToolCalls: raised('max_tool_calls', below.maxToolCalls),
      }
    })(found, report)

const readByValue =
  (base: ReadCaps, contract: PlaybookContract | undefined): Reader<readonly ValueCaps[]> =>
  (found, report) => {
    const { name, node, offset } = found
    if (!isSeq(node)) {
      const help = 'start each entry with `- at_least_usd:`.'
      return report.at(offset, `\`${name}\` must be a list, got ${describe(node)}.`, help)
    }
    if (contract !== undefined && contract.value === undefined) {
      const message = `\`${name}\` is never reached: the playbook ${quoted(contract.name)} derives no value.`
      return report.at(offset, message, 'take it out, or give the contract of the playbook a `value`.')
    }
    if (node.items.length === 0 || node.items.length > MOST_ENTRIES) {
      const message = `\`${name}\` must list 1 to ${MOST_ENTRIES} entries, got ${node.items.length}.`
      return report.at(offset, message, 'fill the list or take it out.')
    }
    const read: ValueCaps[] = []
    let below: Entry = { ...base, atLeast: undefined }
    for (const [at, item] of node.items.entries()) {
      const itemNode = item as Node
      const place = { name: `${name}[${at}]`, node: itemNode, offset: itemNode.range?.[0] ?? offset }
      const entry = readEntry(below)(place, report)
      if (entry === undefined) continue
      const { atLeast = below.atLeast, modelBudgetMicroUsd = null, maxToolCalls = null } = entry
      below = { ...entry, atLeast }
      if (atLeast !== undefined) read.push({ atLeast, modelBudgetMicroUsd, maxToolCalls })
    }
    return read
  }

export const BUDGET_KEYS = ['on_exceeded', 'by_value'] as const

/** What happens beyond the caps, and which are higher for a task of high value. */
export const readBudget = (
  base: ReadCaps,
  contract: PlaybookContract | undefined,
  fallback: Policy['budget'],
): Reader<Policy['budget']> =>
  readSection(BUDGET_KEYS, (section): Policy['budget'] => {
    const byValue = section.read('by_value', readByValue(base, contract), undefined)
    return {
      onExceeded: section.read('on_exceeded', readOnExceeded(base), fallback.onExceeded),
      ...(byValue === undefined ? {} : { byValue }),
    }
  })
