import { afterAll } from 'vitest'

/**
 * How the random cases of a test file are made. The seed and the number of cases are printed; `FUZZ_SEED` repeats a run,
 * `FUZZ_RUNS` multiplies its length.
 */
export function fuzzing(name: string) {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31)
  const times = Number(process.env['FUZZ_RUNS'] ?? 1)
  let cases = 0
  console.info(`${name}: seed ${seed}`)
  afterAll(() => console.info(`${name}: ${cases.toLocaleString('en')} random cases, seed ${seed}`))
  /** The parameters of so many cases, for fast-check. */
  return (runs: number): { readonly seed: number; readonly numRuns: number } => {
    cases += runs * times
    return { seed, numRuns: runs * times }
  }
}
