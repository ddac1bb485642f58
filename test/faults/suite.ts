import type { Fault } from './fault.ts'
import { judgeBalances } from './balances.ts'
import { randomOf } from './random.ts'
import type { Stage } from './stage.ts'
import { Tally } from './tally.ts'
import { runTrial, type TrialResult } from './trial.ts'

/** More than any trial has runs: every run has an order of its own, the same for the same number of a trial. */
export const ORDERS_A_TRIAL = 20

/** What to do, in which order, from which seed. */
export interface Campaign {
  readonly seed: string
  readonly faults: readonly Fault[]
  /** Runs of a trial. */
  readonly runs: number
  /** The number of the first trial, which its choices and workflow ids go by. */
  readonly first?: number
}

/** The faults of so many trials: each once before any comes twice, in an order of the seed's. */
export function drawn(seed: string, faults: readonly Fault[], trials: number): readonly Fault[] {
  const random = randomOf(`${seed}/order`)
  const all: Fault[] = []
  while (all.length < trials) {
    const left = [...faults]
    while (left.length > 0) all.push(...left.splice(random.below(left.length), 1))
  }
  return all.slice(0, trials)
}

/** Runs the trials of a campaign one after the other, and judges the balances at the end. */
export async function runCampaign(
  stage: Stage,
  { seed, faults, runs, first = 1 }: Campaign,
  hear: (number: number, result: TrialResult) => void,
): Promise<{ readonly results: readonly TrialResult[]; readonly total: Tally }> {
  const results: TrialResult[] = []
  const total = new Tally()
  for (const [at, fault] of faults.entries()) {
    const number = first + at
    let order = (number - 1) * ORDERS_A_TRIAL
    const trial = { number, fault, random: randomOf(`${seed}/${number}`), runs }
    const result = await runTrial(stage, trial, () => ++order)
    hear(number, result)
    results.push(result)
    total.add(result.tally)
  }
  await judgeBalances(stage, total)
  return { results, total }
}
