import type { PayloadCodec } from '@temporalio/common'
import pMap from 'p-map'
import type { Decision, Effect } from '../contract/action.ts'
import type { RunKey } from '../contract/evidence.ts'
import type { Facts } from '../contract/fact.ts'
import { type Money, isMoney } from '../contract/money.ts'
import type { PlaybookContract } from '../contract/playbook.ts'
import type { WhichRuns } from '../ledger/audited.ts'
import { historyCodec } from './in-full.ts'
import { decideAgain } from '../policy/again.ts'
import { EFFECTS_BY_FORCE } from '../policy/decide/index.ts'
import type { Policy } from '../policy/types.ts'
import { type DecidedAction, lastOfEach, type Ruling } from './decided.ts'
import { keptHistories } from './kept-histories.ts'
import { AT_ONCE, runKeysOfBoth, type Sides } from './sweep.ts'
import type { Told } from './told.ts'

/** A run with the actions that its policy decided on. */
export interface DecidedRun {
  readonly runKey: RunKey
  /** Where its histories were, or some of them; `null`: nowhere any more, so nothing is told of it. */
  readonly from: 'temporal' | 'archive' | null
  /** Whether nobody can read any more what it decided. */
  readonly isErased: boolean
  readonly actions: readonly DecidedAction[]
}

/** An action of a run. */
export interface Place {
  readonly runKey: RunKey
  readonly step: string
}

/** An action that was decided again. */
export interface Redecided extends Place {
  readonly people: Ruling['people']
  /** What it was decided on. */
  readonly facts: Facts
  /** What the other policy says. */
  readonly decision: Decision
}

/** The actions of one tool of which the same was said then, and the same is said now. */
export interface Group {
  readonly tool: string
  readonly before: Effect
  readonly after: Effect
  /** The sum of each money fact that some of them have, by its name. */
  readonly money: Readonly<Record<string, Money>>
  readonly actions: readonly Redecided[]
}

/** The actions of one tool that cannot be decided again for the same reason. */
export interface Undecided {
  readonly tool: string
  readonly why: string
  readonly actions: readonly Place[]
}

/** What another policy would have said. */
export interface Backtest {
  /** Of how many runs histories were read. */
  readonly runs: number
  /** Of how many of them histories came out of the archive. */
  readonly fromArchive: number
  /** How many of them were erased: those tell of no action. */
  readonly erased: number
  /** Runs of which neither Temporal nor the archive has a history any more. */
  readonly withoutHistory: number
  /** How many actions were decided again. */
  readonly decided: number
  /** How many of them otherwise. */
  readonly changed: number
  /** What changed first; by tool, then by what is said now, the strongest first. */
  readonly groups: readonly Group[]
  readonly undecided: readonly Undecided[]
}

/** The executions of one run key are one run; what the newest of them says of a step counts. */
export const decidedRun = (
  runKey: RunKey,
  histories: readonly Told[],
  from: 'temporal' | 'archive' = 'temporal',
): DecidedRun => ({
  runKey,
  from: histories.length === 0 ? null : from,
  isErased: histories.some((told) => told.isErased),
  actions: lastOfEach(histories.toSorted((a, b) => a.beganAtMs - b.beganAtMs).flatMap(({ decided }) => decided)),
})

/**
 * What was decided in these runs, on the ledger and on a task queue: by the histories that Temporal has, and by the archived ones of what it has not
 * any more.
 */
export async function decidedRuns(sides: Sides, taskQueue: string, which: WhichRuns): Promise<readonly DecidedRun[]> {
  const codecWith = (beside?: PayloadCodec) => historyCodec(sides.db, sides.keys, beside)
  return await pMap(
    runKeysOfBoth(sides, taskQueue, which),
    async (runKey) => {
      const { histories, archived } = await keptHistories(sides, codecWith, runKey, ({ told }) => told)
      return decidedRun(runKey, histories, archived === null ? 'temporal' : 'archive')
    },
    { concurrency: AT_ONCE },
  )
}

/** Decides every action again, by the facts that it was decided on. Pure. */
export function backtest(policy: Policy, contract: PlaybookContract, runs: readonly DecidedRun[]): Backtest {
  const collected = new Map<string, Collected>()
  const undecided = new Map<string, Undecided & { readonly actions: Place[] }>()
  const decidedOn = runs.flatMap(({ runKey, actions }) => actions.map((action) => ({ ...action, runKey })))
  for (const { runKey, step, tool, ruling: recorded } of decidedOn) {
    const again = againOf(policy, contract, { step, tool, ruling: recorded })
    if (again === undefined) continue
    if ('why' in again) {
      const key = `${tool} ${again.why}`
      const found = undecided.get(key) ?? { tool, why: again.why, actions: [] }
      undecided.set(key, found)
      found.actions.push({ runKey, step })
      continue
    }
    const { ruling, decision } = again
    const [before, after] = [ruling.decision.effect, decision.effect]
    const key = `${tool} ${before} ${after}`
    const group = collected.get(key) ?? { tool, before, after, rulings: [], actions: [] }
    collected.set(key, group)
    group.rulings.push(ruling)
    group.actions.push({ runKey, step, people: ruling.people, facts: ruling.facts, decision })
  }
  const groups = [...collected.values()]
    .toSorted(inOrder)
    .map(({ rulings, ...group }) => ({ ...group, money: sumOf(rulings) }))
  const read = runs.filter(({ from }) => from !== null)
  return {
    runs: read.length,
    fromArchive: read.filter(({ from }) => from === 'archive').length,
    erased: read.filter(({ isErased }) => isErased).length,
    withoutHistory: runs.length - read.length,
    decided: groups.flatMap(({ actions }) => actions).length,
    changed: groups.filter(isChanged).flatMap(({ actions }) => actions).length,
    groups,
    undecided: [...undecided.values()],
  }
}

interface Collected extends Pick<Group, 'tool' | 'before' | 'after'> {
  readonly rulings: Ruling[]
  readonly actions: Redecided[]
}

/** Whether the other policy says otherwise. */
export const isChanged = ({ before, after }: Pick<Group, 'before' | 'after'>): boolean => before !== after

function inOrder(a: Collected, b: Collected): number {
  return (
    Number(isChanged(b)) - Number(isChanged(a)) ||
    a.tool.localeCompare(b.tool, 'en') ||
    EFFECTS_BY_FORCE.indexOf(a.after) - EFFECTS_BY_FORCE.indexOf(b.after) ||
    EFFECTS_BY_FORCE.indexOf(a.before) - EFFECTS_BY_FORCE.indexOf(b.before)
  )
}

/** `undefined`: no policy decides on what the tool does. */
function againOf(
  policy: Policy,
  contract: PlaybookContract,
  { tool: name, ruling }: DecidedAction,
): { readonly ruling: Ruling; readonly decision: Decision } | { readonly why: string } | undefined {
  const tool = contract.tools.find((one) => one.name === name)
  if (tool?.kind === 'read') return undefined
  if (tool === undefined) return { why: `the playbook ${contract.name} has no such tool` }
  if (typeof ruling === 'string') return { why: ruling }
  const { decision, ...on } = ruling
  const again = decideAgain(policy, tool, { ...on, matches: decision.matches })
  return 'lacking' in again ? { why: `not recorded: ${again.lacking.join(', ')}` } : { ruling, decision: again }
}

/** The sum of each money fact, in integer cents. */
function sumOf(rulings: readonly Ruling[]): Readonly<Record<string, Money>> {
  const sums: Record<string, Money> = {}
  for (const [fact, value] of rulings.flatMap(({ facts }) => Object.entries(facts))) {
    if (!isMoney(value)) continue
    const { currency } = value
    const key = sums[fact] === undefined || sums[fact].currency === currency ? fact : `${fact} (${currency})`
    sums[key] = { currency, cents: (sums[key]?.cents ?? 0) + value.cents }
  }
  return sums
}
