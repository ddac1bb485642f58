import type { Fault } from './fault.ts'
import { keep } from './kept.ts'
import { judge } from './oracle.ts'
import { Case } from './person.ts'
import type { Random } from './random.ts'
import { planRun } from './runs.ts'
import { pause } from './servers.ts'
import type { Stage } from './stage.ts'
import type { Tally } from './tally.ts'

/** By then every run of a trial has to have ended, or to be parked. The last fault of it is over much sooner. */
const DEADLINE_MS = 90_000

/** What a trial came to. */
export interface TrialResult {
  readonly fault: string
  /** How many faults struck; none where no run came by the place. */
  readonly injected: number
  readonly tally: Tally
  /** Folders with the histories of runs that were objected to. */
  readonly kept: readonly string[]
  readonly tookMs: number
}

/** Orders are used once: a refund that stands would refuse the next one. */
export type Orders = () => number

/** Starts some runs, strikes while they are under way, waits until every one is settled, and judges. */
export async function runTrial(
  stage: Stage,
  { number, fault, random, runs }: { number: number; fault: Fault; random: Random; runs: number },
  order: Orders,
): Promise<TrialResult> {
  const began = performance.now()
  await stage.man()
  const cases = Array.from({ length: fault.runs ?? runs }, (_, at) => {
    const plan = planRun(random.fork(`run ${at}`), fault.wish, order)
    return new Case(stage, `t${number}-${at}-${plan.playbook}`, plan)
  })
  const scene = { stage, random: random.fork('fault'), cases, deadline: Date.now() + DEADLINE_MS }
  let injected: number
  try {
    await fault.arm?.(scene)
    const driven = Promise.all(
      cases.map(async (one, at) => {
        await pause(at * 40)
        await one.drive(scene.deadline)
      }),
    )
    injected = await fault.strike(scene, driven)
    await driven
    injected += (await fault.after?.(scene)) ?? 0
  } finally {
    stage.provider.clear()
    for (const slot of stage.slots) await slot.heal()
  }
  const tally = await judge(stage, cases)
  const suspects = cases.filter(
    ({ id, isUnreadable }) => isUnreadable || tally.violations.some((violation) => violation.startsWith(`${id}:`)),
  )
  const kept = await Promise.all(suspects.map((one) => keep(stage, one)))
  return { fault: fault.name, injected, tally, kept, tookMs: performance.now() - began }
}
