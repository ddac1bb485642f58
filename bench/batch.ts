import type { Cpu, Stage } from './stage.ts'
import type { History, Variant } from './variants.ts'

/** What a batch of runs took. */
export interface Batch {
  readonly runs: number
  readonly wallMs: number
  /** Start call to outcome, one a run, sorted. */
  readonly latenciesMs: readonly number[]
  readonly cpu: Cpu
  /** Of the last run: the same in every run of a variant. */
  readonly history: History | undefined
}

/** Does `runs` runs, `concurrency` of them at a time, each on the next order. */
export async function runBatch(
  stage: Stage,
  variant: Variant,
  { runs, concurrency, next }: { readonly runs: number; readonly concurrency: number; readonly next: () => number },
): Promise<Batch> {
  const latenciesMs: number[] = []
  const done: string[] = []
  const before = stage.cpu(variant.processes)
  const began = performance.now()
  let left = runs
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const at = performance.now()
      done.push(await variant.run(next()))
      latenciesMs.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  const wallMs = performance.now() - began
  const after = stage.cpu(variant.processes)
  return {
    runs,
    wallMs,
    latenciesMs: latenciesMs.toSorted((a, b) => a - b),
    cpu: since(before, after),
    history: await variant.leave?.(done),
  }
}

export const since = (before: Cpu, after: Cpu): Cpu => ({
  server: after.server - before.server,
  worker: after.worker - before.worker,
  database: after.database - before.database,
  driver: after.driver - before.driver,
})

export const totalCpu = ({ cpu, runs }: Batch): number => (cpu.server + cpu.worker + cpu.database + cpu.driver) / runs

/** Of values in ascending order. */
export const percentileOf = (sorted: readonly number[], percent: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN

export const percentile = ({ latenciesMs }: Batch, percent: number): number => percentileOf(latenciesMs, percent)
