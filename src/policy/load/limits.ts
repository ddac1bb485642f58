import type { FactDeclaration } from '../../contract/fact.ts'
import { formatMoney, parseMoney, usd } from '../../contract/money.ts'
import { type PlaybookContract, writesOf } from '../../contract/playbook.ts'
import type { WriteTool } from '../../contract/tool.ts'
import { SUBJECTS_OF_RUNS } from '../../contract/wire.ts'
import { listed, quoted } from '../decide/words.ts'
import type { Measure, WindowLimit } from '../types.ts'
import { MINUTES_A_YEAR } from './approvals.ts'
import { type Found, readDecimal, readName, readOneOf, type Reader, readWholeNumber } from './found.ts'
import { suggestion } from './nearest.ts'
import type { Report } from './problem.ts'
import { readId } from './rules.ts'
import { readItems, readSection, type Section } from './section.ts'

export const MOST_LIMITS = 20
export const MOST_EFFECTS = 1_000_000
export const MOST_LIMIT_USD = 1_000_000_000
export const LEAST_WARM_UP = 5
export const MOST_WARM_UP = 1_000
export const MOST_SCORE = 1_000

export const LIMIT_KEYS = [
  'id',
  'tool',
  'per',
  'window_minutes',
  'at_most',
  'at_most_usd',
  'score_gte',
  'of',
  'warm_up',
  'on_warm_up',
  'on_reached',
] as const
export const ON_REACHED = ['require_approval', 'deny', 'escalate'] as const
/** What a limit has one of. */
export const MEASURES = ['at_most', 'at_most_usd', 'score_gte'] as const

type LimitSection = Section<(typeof LIMIT_KEYS)[number]>

/** Reads `limits`; without a contract (the playbook is unknown) only its form. */
export const readLimits =
  (contract: PlaybookContract | undefined): Reader<readonly WindowLimit[]> =>
  (found, report) => {
    const ids = new Set<string>()
    const items = readItems(found, report, MOST_LIMITS)
    return items?.flatMap((item) => readLimit(contract, ids, item, report) ?? [])
  }

function readLimit(
  contract: PlaybookContract | undefined,
  ids: Set<string>,
  item: Found,
  report: Report,
): WindowLimit | undefined {
  const read = readSection(LIMIT_KEYS, (section): WindowLimit | undefined => {
    const id = section.require('id', readId(ids, 'limits'), undefined)
    const tool = section.require('tool', readTool(contract), undefined)
    const named = typeof tool === 'string' ? undefined : tool
    const per = section.require('per', readPer(named), undefined)
    const windowMinutes = section.require('window_minutes', readWholeNumber(1, MINUTES_A_YEAR), undefined)
    const measure = readMeasure(section, item, report)
    const of = readOf(section, named, item, report)
    const onReached = section.require('on_reached', readOneOf(ON_REACHED), undefined)
    if (id === undefined || named === undefined || per === undefined || windowMinutes === undefined) return undefined
    if (measure === undefined || onReached === undefined) return undefined
    const own = { id: `limits.${id}`, tool: named.name, per, windowMinutes }
    return { ...own, ...(of === undefined ? {} : { of }), measure, onReached }
  })
  return read(item, report)
}

/** The write that is meant; its name alone where the playbook is unknown. */
const readTool =
  (contract: PlaybookContract | undefined): Reader<WriteTool | string> =>
  (found, report) => {
    const name = readName(found, report)
    if (name === undefined || contract === undefined) return name
    const writes = writesOf(contract)
    const tool = writes.find((one) => one.name === name)
    if (tool !== undefined) return tool
    const names = writes.map((one) => one.name)
    const help = suggestion(name, names, 'the writes of this playbook are')
    return report.at(found.offset, `unknown write ${quoted(name)} in \`${found.name}\`.`, help)
  }

const isNameable = ({ type, trust }: FactDeclaration): boolean =>
  (type === 'text' || type === 'enum') && trust !== 'model'

const readPer =
  (tool: WriteTool | undefined): Reader<string> =>
  (found, report) => {
    const per = readName(found, report)
    if (per === undefined || tool === undefined) return per
    const facts = Object.entries(tool.declares).flatMap(([name, fact]) => (isNameable(fact) ? [name] : []))
    const names = [...SUBJECTS_OF_RUNS, ...Object.keys(tool.subjects ?? {}), ...facts]
    if (names.includes(per)) return per
    const declared = Object.hasOwn(tool.declares, per) ? tool.declares[per] : undefined
    if (declared?.trust === 'model' && (declared.type === 'text' || declared.type === 'enum')) {
      const message = `\`${found.name}\` cannot be ${quoted(per)}: it is a model's word, so whoever writes to it chooses who is counted.`
      return report.at(found.offset, message, `what ${quoted(tool.name)} does can be counted by: ${listed(names)}.`)
    }
    const help = suggestion(per, names, `what ${quoted(tool.name)} does can be counted by`)
    return report.at(found.offset, `\`${found.name}\` cannot be ${quoted(per)}.`, help)
  }

function readMeasure(section: LimitSection, item: Found, report: Report): Measure | undefined {
  const given = MEASURES.filter((key) => section.has(key))
  if (given.length !== 1) {
    const got = given.length === 0 ? 'none' : `${given.length}`
    const message = `\`${item.name}\` must have one of \`at_most\`, \`at_most_usd\` and \`score_gte\`, got ${got}.`
    return report.at(item.offset, message, 'count effects, add money up, or ask how unusual an amount is.')
  }
  const isScore = given[0] === 'score_gte'
  for (const key of ['warm_up', 'on_warm_up'] as const) {
    if (isScore || !section.has(key)) continue
    const message = `\`${item.name}.${key}\` says nothing of a limit without \`score_gte\`.`
    report.at(item.offset, message, 'take it out.')
  }
  if (isScore) {
    const atLeast = section.read('score_gte', readScore, undefined)
    const warmUp = section.require('warm_up', readWholeNumber(LEAST_WARM_UP, MOST_WARM_UP), undefined)
    const onWarmUp = section.read('on_warm_up', readOneOf(ON_REACHED), undefined)
    if (atLeast === undefined || warmUp === undefined) return undefined
    return { kind: 'score', atLeast, warmUp, ...(onWarmUp === undefined ? {} : { onWarmUp }) }
  }
  const most =
    given[0] === 'at_most'
      ? section.read('at_most', readWholeNumber(0, MOST_EFFECTS), undefined)
      : section.read('at_most_usd', readUsd, undefined)
  return most === undefined ? undefined : { kind: given[0] === 'at_most' ? 'count' : 'sum', most }
}

/** A decimal with at most two places, in hundredths; from `least` to `most`. */
const readHundredths =
  (least: number, most: number, wanted: string, example: string): Reader<number> =>
  (found, report) => {
    const digits = readDecimal(found, report)
    if (digits === undefined) return undefined
    let hundredths = -1
    try {
      hundredths = parseMoney('USD', digits).cents
    } catch {
      // Said below.
    }
    if (hundredths >= least && hundredths <= most) return hundredths
    const help = `write it such as \`${example}\`.`
    return report.at(found.offset, `\`${found.name}\` must be ${wanted}, got ${quoted(digits)}.`, help)
  }

const readUsd = readHundredths(
  0,
  MOST_LIMIT_USD * 100,
  `an amount of USD from 0 to ${formatMoney(usd(MOST_LIMIT_USD * 100))} with at most two decimals`,
  '200',
)
const readScore = readHundredths(
  1,
  MOST_SCORE * 100,
  `a number above 0, at most ${MOST_SCORE}, with at most two decimals`,
  '6',
)

/** The money that is added up or scored; there must be none where effects are counted. */
function readOf(section: LimitSection, tool: WriteTool | undefined, item: Found, report: Report): string | undefined {
  if (section.has('at_most') && !section.has('at_most_usd') && !section.has('score_gte')) {
    if (section.has('of')) {
      const help = 'take it out, or write `at_most_usd`.'
      report.at(item.offset, `\`${item.name}.of\` says nothing of a limit with \`at_most\`.`, help)
    }
    return undefined
  }
  if (!section.has('at_most_usd') && !section.has('score_gte')) return undefined
  return section.require('of', readMoneyFact(tool), undefined)
}

const isUsd = (fact: FactDeclaration): boolean => fact.type === 'money' && fact.currency === 'USD'

const readMoneyFact =
  (tool: WriteTool | undefined): Reader<string> =>
  (found, report) => {
    const name = readName(found, report)
    if (name === undefined || tool === undefined) return name
    const names = Object.entries(tool.declares).flatMap(([fact, declaration]) => (isUsd(declaration) ? [fact] : []))
    if (names.includes(name)) return name
    const message = `\`${found.name}\` cannot be ${quoted(name)}: it is no money in USD of ${quoted(tool.name)}.`
    const none = `${quoted(tool.name)} has none: count its effects with \`at_most\`.`
    return report.at(found.offset, message, names.length === 0 ? none : suggestion(name, names, 'there is'))
  }
