import { formatMoney, isMoney, MICRO_USD_PER_USD, usd } from '../../contract/money.ts'
import type { Policy, Rule, WindowLimit } from '../types.ts'

/** Something else than a decision that two policies say otherwise: a budget, a deadline, a window. */
export interface SettingChange {
  /** `rollback.window_minutes`, as the file names it. */
  readonly setting: string
  /** `30`; `none` where it is not set. */
  readonly from: string
  readonly to: string
}

const NONE = 'none'
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** A list in one line. Of names the order says nothing. */
const listText = (items: readonly unknown[]): string =>
  (items.every((item) => typeof item === 'string') ? items.toSorted() : items).join(', ')

/** Each value of a policy with the name that it has in the file. */
function* settingsIn(name: string, value: unknown): Generator<readonly [string, string]> {
  if (value === null || value === undefined) return
  if (isMoney(value)) yield [name, formatMoney(value)]
  else if (Array.isArray(value)) yield [name, listText(value)]
  else if (typeof value === 'object') {
    for (const [key, inner] of Object.entries(value))
      yield* settingsIn(name === '' ? snake(key) : `${name}.${snake(key)}`, inner)
  } else if (name.endsWith('_micro_usd')) {
    yield [name.replace(/_micro_usd$/, '_usd'), `$${Number(value) / MICRO_USD_PER_USD}`]
  } else yield [name, typeof value === 'string' ? value : JSON.stringify(value)]
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

/** Who may do something, as a setting. */
const groupsText = (groups: readonly string[] | undefined): string =>
  groups === undefined ? 'anybody' : listText(groups)

/** Who has to approve what a rule asks about, where it says so here or in the other policy. */
function peopleOf(rule: Rule, { approvals }: Policy, other: Policy): object {
  if (rule.effect !== 'require_approval') return {}
  const both = [rule, ...(other.rules ?? []).filter(({ id }) => id === rule.id)]
  return {
    ...(both.some(({ approvers }) => approvers !== undefined) && {
      approvers: groupsText(rule.approvers ?? approvals.who),
    }),
    ...(both.some(({ quorum }) => quorum !== undefined) && { quorum: rule.quorum ?? approvals.quorum ?? 1 }),
  }
}

/**
 * What a policy says beside its decisions, also by default. A rule or a limit is named by its id, an entry of `budget.by_value` by its
 * value. `other`: what it is compared with.
 */
function settingsOf(policy: Policy, other: Policy): ReadonlyMap<string, string> {
  const {
    workflow: _,
    denyIf: _denyIf,
    requiresApprovalIf: _requires,
    rules = [],
    limits = [],
    trust,
    budget,
    approvals: { who, quorum = 1, unsigned = 'refuse', remindersMinutes, ...approvals },
    audit,
    evidence = [],
    rollback: { who: undoers, ...rollback },
    ...rest
  } = policy
  const { byValue = [], ...caps } = budget
  const named = {
    ...rest,
    budget: {
      ...caps,
      byValue: Object.fromEntries(byValue.map(({ atLeast, ...raised }) => [`from ${formatMoney(atLeast)}`, raised])),
    },
    approvals: { ...approvals, who: groupsText(who), quorum, unsigned, reminders: remindersMinutes },
    audit,
    evidence: Object.fromEntries(
      evidence.map(({ kind, risk, freshMinutes }) => [
        `${kind} from ${risk} risk`,
        freshMinutes === undefined ? 'of any age' : `at most ${freshMinutes} minutes old`,
      ]),
    ),
    rollback: { ...rollback, who: groupsText(undoers) },
    trust: {
      onLess: trust.atLeast.length > 0 ? trust.onLess : null,
      atLeast: Object.fromEntries(trust.atLeast.map(({ fact, trust: demanded }) => [fact, demanded])),
    },
  }
  const own = rules.flatMap((rule) => [
    ...settingsIn(rule.id, { because: rule.because, ...peopleOf(rule, policy, other) }),
  ])
  const overTime = limits.flatMap(({ id, ...limit }) => [...settingsIn(id, limitWords(limit))])
  return new Map([...settingsIn('', named), ...own, ...overTime])
}

/** What two policies say otherwise beside their decisions, in the order of the policy. */
export function settingChanges(before: Policy, after: Policy): readonly SettingChange[] {
  const [old, now] = [settingsOf(before, after), settingsOf(after, before)]
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((setting) => {
    const [from, to] = [old.get(setting) ?? NONE, now.get(setting) ?? NONE]
    return from === to ? [] : [{ setting, from, to }]
  })
}
