import { parse, stringify } from 'yaml'

/** A policy with one mistake in it, as an owner could make it. */
export interface Mutant {
  readonly what: string
  readonly text: string
}

type Path = readonly (string | number)[]
interface Tree {
  [key: string]: unknown
}

const OPERATORS = 'eq ne gt gte lt lte in not_in contains contains_any starts_with exists'.split(' ')

/** The longest operator that a key ends with. */
const operatorOf = (key: string): string =>
  OPERATORS.toSorted((a, b) => b.length - a.length).find((operator) => key.endsWith(`_${operator}`)) ?? ''

const EFFECTS = ['deny', 'escalate', 'require_approval', 'allow']

function changed(text: string, change: (tree: Tree) => void): string {
  const tree = parse(text) as Tree
  change(tree)
  return stringify(tree)
}

/** The map or list that holds what a path names. */
function holderOf(tree: Tree, path: Path): Tree {
  let at: unknown = tree
  for (const step of path.slice(0, -1)) at = (at as Tree)[step]
  return at as Tree
}

/** Every value of the file with its path, the innermost included. */
function* valuesOf(value: unknown, path: Path = []): Generator<readonly [Path, unknown]> {
  if (path.length > 0) yield [path, value]
  if (typeof value !== 'object' || value === null) return
  const isList = Array.isArray(value)
  for (const [key, inner] of Object.entries(value)) yield* valuesOf(inner, [...path, isList ? Number(key) : key])
}

const replace = (tree: Tree, path: Path, value: unknown): void => {
  holderOf(tree, path)[path.at(-1) ?? ''] = value
}

function remove(tree: Tree, path: Path): void {
  const holder: unknown = holderOf(tree, path)
  const last = path.at(-1) ?? ''
  if (Array.isArray(holder)) holder.splice(Number(last), 1)
  else delete (holder as Tree)[last]
}

/** Gives what stands there another key, at its old place. */
function rename(tree: Tree, path: Path, key: string): void {
  const holder = holderOf(tree, path)
  const entries = Object.entries(holder)
  for (const [name] of entries) delete holder[name]
  for (const [name, value] of entries) holder[name === path.at(-1) ? key : name] = value
}

const misspelt = (word: string): string => (word.length > 2 ? word.slice(0, 2) + word.slice(3) : word.slice(0, -1))

/** One mistake each, of every kind that the text gives occasion for. */
export function mutantsOf(text: string): readonly Mutant[] {
  const mutants: Mutant[] = []
  const mutate = (what: string, change: (tree: Tree) => void): void => {
    mutants.push({ what, text: changed(text, change) })
  }
  for (const [path, value] of valuesOf(parse(text))) {
    const name = path.join('.')
    const key = String(path.at(-1))
    mutate(`${name} dropped`, (tree) => remove(tree, path))
    if (typeof path.at(-1) === 'string') {
      mutate(`${name} misspelt`, (tree) => rename(tree, path, misspelt(key)))
      const operator = operatorOf(key)
      if (operator !== '') {
        const fact = key.slice(0, -operator.length - 1)
        for (const other of OPERATORS) {
          if (other !== operator) mutate(`${name} asks ${other}`, (tree) => rename(tree, path, `${fact}_${other}`))
        }
      }
    }
    if (typeof value === 'number') {
      for (const other of [value + 0.01, value - 0.01, value + 1, value - 1, value * 10, 0, -value]) {
        if (other !== value) mutate(`${name} is ${other}`, (tree) => replace(tree, path, Number(other.toFixed(4))))
      }
      mutate(`${name} is a text`, (tree) => replace(tree, path, String(value)))
    }
    if (typeof value === 'boolean') mutate(`${name} is ${!value}`, (tree) => replace(tree, path, !value))
    if (typeof value === 'string') {
      mutate(`${name} misspelt inside`, (tree) => replace(tree, path, misspelt(value)))
      mutate(`${name} in capitals`, (tree) => replace(tree, path, value.toUpperCase()))
      mutate(`${name} empty`, (tree) => replace(tree, path, ''))
      if (EFFECTS.includes(value)) {
        for (const other of EFFECTS)
          if (other !== value) mutate(`${name} is ${other}`, (tree) => replace(tree, path, other))
      }
    }
    if (Array.isArray(value)) {
      mutate(`${name} is one value`, (tree) => replace(tree, path, value[0]))
      mutate(`${name} has one twice`, (tree) => replace(tree, path, [...value, value[0]]))
      if (key === 'who' || key === 'approvers') {
        mutate(`${name} widened`, (tree) => replace(tree, path, [...value, 'everybody']))
        mutate(`${name} is another group`, (tree) => replace(tree, path, ['everybody']))
        mutate(`${name} is empty`, (tree) => replace(tree, path, []))
      }
    }
  }
  for (const [from, to] of [
    ['deny_if', 'requires_approval_if'],
    ['requires_approval_if', 'deny_if'],
  ] as const) {
    for (const key of Object.keys((parse(text) as Record<string, object>)[from] ?? {})) {
      mutate(`${from}.${key} moved to ${to}`, (tree) => {
        const source = tree[from] as Tree
        const target = { ...(tree[to] as Tree | undefined), [key]: source[key] }
        delete source[key]
        tree[to] = target
      })
    }
  }
  for (const [section, lines] of ADDED) {
    mutate(`${section} ${JSON.stringify(lines)} added`, (tree) => {
      if (Array.isArray(lines)) tree[section] = [...((tree[section] as unknown[] | undefined) ?? []), ...lines]
      else tree[section] = { ...(tree[section] as Tree | undefined), ...lines }
    })
  }
  return mutants
}

const rule = (effect: string, when: object) => [{ id: 'added', effect, when }]

const asking = (when: object, people: object) => [{ ...rule('require_approval', when)[0], ...people }]

/** What does not do what it looks like, or does more. */
const ADDED: readonly (readonly [string, object])[] = [
  ['rules', rule('deny', { refund_amount_usd_gte: 5, refund_amount_usd_lt: 3 })],
  ['rules', rule('deny', { customer_tier_eq: 'plus', all: [{ customer_tier_eq: 'enterprise' }] })],
  ['rules', rule('deny', { customer_tier_not_in: ['standard', 'plus', 'enterprise'] })],
  ['rules', rule('require_approval', { refund_amount_usd_gte: 80 })],
  ['rules', rule('require_approval', { refund_amount_usd_gt: 49.99 })],
  ['rules', rule('require_approval', { reason_contains: 'fraudulent' })],
  ['rules', rule('deny', { reason_contains: 'wire fraud' })],
  ['rules', rule('allow', { reason_contains: 'fraud', refund_amount_usd_lt: 10 })],
  ['rules', rule('allow', { customer_tier_eq: 'enterprise' })],
  ['rules', rule('escalate', { customer_tier_eq: 'enterprise', refund_amount_usd_gte: 1000 })],
  ['rules', rule('escalate', { any: [{ refund_amount_usd_gt: 500 }, { customer_tier_exists: false }] })],
  ['rules', rule('allow', { customer_tier_eq: 'standard' })],
  ['rules', rule('allow', { reason_contains: 'late' })],
  ['deny_if', { refund_amount_usd_gt: 500 }],
  ['deny_if', { refund_amount_usd_gte: 50 }],
  ['deny_if', { customer_tier_in: ['enterprise'] }],
  ['deny_if', { customer_tier_ne: 'standard' }],
  ['requires_approval_if', { customer_tier_eq: 'enterprise' }],
  ['requires_approval_if', { reason_contains: 'lawyer' }],
  ['trust', { at_least: { refund_amount_usd: 'request' } }],
  ['trust', { at_least: { customer_tier: 'record' } }],
  ['approvals', { expires_minutes: 5 }],
  ['approvals', { on_timeout: 'refuse' }],
  ['approvals', { expires_minutes: 4320 }],
  ['approvals', { who: ['everybody'] }],
  ['approvals', { who: ['nobody'] }],
  ['approvals', { quorum: 1 }],
  ['approvals', { quorum: 3 }],
  ['approvals', { quorum: 11 }],
  ['approvals', { unsigned: 'accept' }],
  ['approvals', { unsigned: 'refuse' }],
  ['rollback', { who: ['everybody'] }],
  ['rules', asking({ refund_amount_usd_gte: 500 }, { approvers: ['everybody'] })],
  ['rules', asking({ refund_amount_usd_gte: 500 }, { quorum: 2 })],
  ['rules', asking({ refund_amount_usd_gte: 500 }, { approvers: ['nobody'], quorum: 1 })],
  ['rules', [{ ...rule('deny', { refund_amount_usd_gte: 500 })[0], approvers: ['everybody'] }]],
  ['budget', { on_exceeded: 'ask' }],
  ['budget', { on_exceeded: 'escalate' }],
]
