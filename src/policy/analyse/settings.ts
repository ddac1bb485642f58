import { canonicalJson } from '../../contract/digest.ts'
import { formatMoney, isMoney, MICRO_USD_PER_USD, usd } from '../../contract/money.ts'
import { quoted } from '../decide/words.ts'
import type { Policy, Rule, WindowLimit } from '../types.ts'

/** Something else than a decision that two policies say otherwise: a budget, a deadline, a window. */
export interface SettingChange {
  /** `rollback.window_minutes`, as the file names it; `limits.daily`: the whole limit, which only one of them has. */
  readonly setting: string
  /** `30`; `none` where it is not set. */
  readonly from: string
  readonly to: string
}

/** How a setting is shown that is not set. */
export const NONE = 'none'
const ANYBODY = 'anybody'
/** Settings of which not set means more than nothing. */
const OF_PEOPLE = /\.(?:who|approvers)$/

/** Settings of which more lets more through, and most what is not set. */
const CEILINGS = /^(?:model_budget_usd|max_tool_calls|limits\.\w+(?:\.(?:at_most|at_most_usd|score_gte))?)$/

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** A name in a list, so that it cannot be taken for two, or for none. */
const nameText = (name: string): string =>
  /^[\w.:/-]+$/.test(name) && name !== NONE && name !== ANYBODY ? name : quoted(name)

/** A value as it is shown; two that differ may read alike. */
function valueText(setting: string, value: unknown): string {
  if (value === undefined) return OF_PEOPLE.test(setting) ? ANYBODY : NONE
  if (isMoney(value)) return formatMoney(value)
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'string' ? nameText(item) : item)).join(', ')
  if (typeof value === 'object') {
    return [...settingsIn('', value)].map(([key, inner]) => `${key} ${valueText(key, inner)}`).join(', ')
  }
  if (typeof value === 'string') return value === NONE ? quoted(value) : value
  return `${setting.endsWith('model_budget_usd') ? '$' : ''}${JSON.stringify(value)}`
}

/** Each value of a policy that is set, with the name that it has in the file. Of names in a list the order says nothing. */
function* settingsIn(name: string, value: unknown): Generator<readonly [string, unknown]> {
  if (value === null || value === undefined) return
  if (Array.isArray(value)) yield [name, value.every((item) => typeof item === 'string') ? value.toSorted() : value]
  else if (typeof value === 'object' && !isMoney(value)) {
    for (const [key, inner] of Object.entries(value))
      yield* settingsIn(name === '' ? snake(key) : `${name}.${snake(key)}`, inner)
  } else if (name.endsWith('model_budget_micro_usd')) {
    yield [name.replace(/_micro_usd$/, '_usd'), Number(value) / MICRO_USD_PER_USD]
  } else yield [name, value]
}

/** A limit over time by the keys that it has in the file. */
const limitWords = ({ measure, of, ...limit }: Omit<WindowLimit, 'id'>): object => ({
  ...limit,
  of,
  atMost: measure.kind === 'count' ? measure.most : undefined,
  atMostUsd: measure.kind === 'sum' ? usd(measure.most) : undefined,
  ...(measure.kind === 'score'
    ? { scoreGte: measure.atLeast / 100, warmUp: measure.warmUp, onWarmUp: measure.onWarmUp }
    : {}),
})

/** Who has to approve what a rule asks about, where it says so here or in the other policy. */
function peopleOf(rule: Rule, { approvals }: Policy, other: Policy): object {
  if (rule.effect !== 'require_approval') return {}
  const both = [rule, ...(other.rules ?? []).filter(({ id }) => id === rule.id)]
  return {
    ...(both.some(({ approvers }) => approvers !== undefined) && { approvers: rule.approvers ?? approvals.who }),
    ...(both.some(({ quorum }) => quorum !== undefined) && { quorum: rule.quorum ?? approvals.quorum ?? 1 }),
  }
}

/**
 * What a policy says beside its decisions, also by default. A rule or a limit is named by its id, an entry of `budget.by_value` by its
 * value. `other`: what it is compared with; a limit that it does not have is one setting.
 */
function settingsOf(policy: Policy, other: Policy): ReadonlyMap<string, unknown> {
  const {
    workflow: _,
    denyIf: _denyIf,
    requiresApprovalIf: _requires,
    rules = [],
    limits = [],
    trust,
    budget,
    approvals: { quorum = 1, unsigned = 'refuse', remindersMinutes, ...approvals },
    audit,
    evidence = [],
    rollback,
    ...rest
  } = policy
  const { byValue = [], ...caps } = budget
  const named = {
    ...rest,
    budget: {
      ...caps,
      byValue: Object.fromEntries(byValue.map(({ atLeast, ...raised }) => [`from ${formatMoney(atLeast)}`, raised])),
    },
    approvals: { ...approvals, quorum, unsigned, reminders: remindersMinutes },
    audit,
    evidence: Object.fromEntries(
      evidence.map(({ kind, risk, freshMinutes }) => [
        `${kind} from ${risk} risk`,
        freshMinutes === undefined ? 'of any age' : `at most ${freshMinutes} minutes old`,
      ]),
    ),
    rollback,
    trust: {
      onLess: trust.atLeast.length > 0 ? trust.onLess : null,
      atLeast: Object.fromEntries(trust.atLeast.map(({ fact, trust: demanded }) => [fact, demanded])),
    },
  }
  const own = rules.flatMap((rule) => [
    ...settingsIn(rule.id, { because: rule.because, ...peopleOf(rule, policy, other) }),
  ])
  const overTime = limits.flatMap(({ id, ...limit }): readonly (readonly [string, unknown])[] => {
    const isInBoth = other.limits?.some((one) => one.id === id) === true
    return isInBoth ? [...settingsIn(id, limitWords(limit))] : [[id, limitWords(limit)]]
  })
  return new Map([...settingsIn('', named), ...own, ...overTime])
}

/** How much a ceiling lets through, to be compared; a limit as a whole less than none. */
function height(value: unknown): number {
  if (value === undefined) return Infinity
  if (isMoney(value)) return value.cents
  return typeof value === 'number' ? value : 0
}

/** What two policies say otherwise beside their decisions: raised caps and removed limits first. */
export function settingChanges(before: Policy, after: Policy): readonly SettingChange[] {
  const [old, now] = [settingsOf(before, after), settingsOf(after, before)]
  const changes = [...new Set([...old.keys(), ...now.keys()])].flatMap((setting) => {
    const [from, to] = [old.get(setting), now.get(setting)]
    if (canonicalJson({ value: from }) === canonicalJson({ value: to })) return []
    const isLooser = CEILINGS.test(setting) && height(to) > height(from)
    return [{ isLooser, setting, from: valueText(setting, from), to: valueText(setting, to) }]
  })
  const byLooseness = changes.toSorted((one, other) => Number(other.isLooser) - Number(one.isLooser))
  return byLooseness.map(({ setting, from, to }) => ({ setting, from, to }))
}
