import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runBatch } from './batch.ts'
import type { Stage } from './stage.ts'
import { type Measured, type Pairs, summary } from './summary.ts'
import type { Variant } from './variants.ts'

/** What the command line asked for. */
export interface Plan {
  /** Batches of each variant and concurrency. */
  readonly rounds: number
  readonly concurrencies: readonly number[]
  readonly runsAt: (concurrency: number) => number
  /** Where every batch is to be written. */
  readonly json: string | undefined
}

/** Runs of each variant before anything is measured: compilers are done with most of a worker by then. */
const WARM_UP = 150

export const say = (line: string): void => void process.stdout.write(`${line}\n`)

/**
 * Reads the options that both benchmarks take, and ends the process where CPU times cannot be had.
 *
 *   --rounds <n>          batches of each variant and concurrency; default 5
 *   --concurrency <list>
 *   --quick               one small round: tells whether it runs, measures nothing
 *   --json <file>         writes every batch there
 */
export function readPlan({ concurrency }: { readonly concurrency: string }): Plan {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      concurrency: { type: 'string', default: concurrency },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  if (process.platform !== 'linux') {
    say('CPU times are read from /proc: run the benchmark on Linux.')
    process.exit(2)
  }
  return {
    rounds: values.quick ? 1 : Number(values.rounds),
    concurrencies: values.quick ? [1, 10] : values.concurrency.split(',').map(Number),
    // Enough for some seconds each on two cores.
    runsAt: (at) => (values.quick ? 4 : Math.max(30, Math.min(300, 4 * at))),
    json: values.json,
  }
}

/** How many orders so many variants take. */
export const ordersFor = ({ rounds, concurrencies, runsAt }: Plan, variants: number): number =>
  variants * (WARM_UP + concurrencies.reduce((sum, at) => sum + rounds * runsAt(at), 0))

/**
 * Runs the variants in alternating batches and prints the tables of each concurrency as soon as it is done. Fails unless
 * every run has refunded once.
 */
export async function runPlan(plan: Plan, stage: Stage, variants: readonly Variant[], pairs: Pairs): Promise<void> {
  const all: (Measured & { readonly concurrency: number })[] = []
  let number = 0
  const next = () => ++number
  for (const variant of variants) await runBatch(stage, variant, { runs: WARM_UP, concurrency: 10, next })
  for (const concurrency of plan.concurrencies) {
    const measured: Measured[] = []
    for (let round = 0; round < plan.rounds; round++) {
      // Each round begins with another variant, so that none always follows the same one.
      const order = variants.map((_, at) => variants[(at + round) % variants.length])
      for (const variant of order) {
        if (variant === undefined) continue
        const batch = await runBatch(stage, variant, { runs: plan.runsAt(concurrency), concurrency, next })
        measured.push({ variant: variant.name, batch })
      }
    }
    say(summary(measured, concurrency, pairs))
    all.push(...measured.map((each) => ({ ...each, concurrency })))
  }
  const refunds = await stage.refunds()
  if (refunds !== number) throw new Error(`${number} runs came to ${refunds} refunds: a variant does another job`)
  if (plan.json !== undefined) writeFileSync(plan.json, JSON.stringify(all))
}
