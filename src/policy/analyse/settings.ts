import { formatMoney, isMoney, MICRO_USD_PER_USD, usd } from '../../contract/money.ts'
import type { Policy, WindowLimit } from '../types.ts'

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

/** Each value of a policy with the name that it has in the file. */
function* settingsIn(name: string, value: unknown): Generator<readonly [string, string]> {
  if (value === null || value === undefined) return
  if (isMoney(value)) yield [name, formatMoney(value)]
  else if (Array.isArray(value)) for (const [at, item] of value.entries()) yield* settingsIn(`${name}[${at}]`, item)
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

/** What a policy says beside its decisions. A rule or a limit is named by its id, an entry of `budget.by_value` by its value. */
function settingsOf(policy: Policy): ReadonlyMap<string, string> {
  const {
    workflow: _,
    denyIf: _denyIf,
    requiresApprovalIf: _requires,
    rules = [],
    limits = [],
    trust,
    budget,
    ...rest
  } = policy
  const { byValue = [], ...caps } = budget
  const named = {
    ...rest,
    budget: {
      ...caps,
      byValue: Object.fromEntries(byValue.map(({ atLeast, ...raised }) => [`from ${formatMoney(atLeast)}`, raised])),
    },
    trust: {
      onLess: trust.atLeast.length > 0 ? trust.onLess : null,
      atLeast: Object.fromEntries(trust.atLeast.map(({ fact, trust: demanded }) => [fact, demanded])),
    },
  }
  const own = rules.flatMap(({ id, effect: _effect, when: _when, ...other }) => [...settingsIn(id, other)])
  const overTime = limits.flatMap(({ id, ...limit }) => [...settingsIn(id, limitWords(limit))])
  return new Map([...settingsIn('', named), ...own, ...overTime])
}

/** What two policies say otherwise beside their decisions, in the order of the policy. */
export function settingChanges(before: Policy, after: Policy): readonly SettingChange[] {
  const [old, now] = [settingsOf(before), settingsOf(after)]
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((setting) => {
    const [from, to] = [old.get(setting) ?? NONE, now.get(setting) ?? NONE]
    return from === to ? [] : [{ setting, from, to }]
  })
}
