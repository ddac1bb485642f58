import { COUNTS, type Tally } from './tally.ts'
import type { TrialResult } from './trial.ts'

/** One line a trial. */
export function trialLine(number: number, { fault, injected, tally, tookMs }: TrialResult): string {
  const seconds = (tookMs / 1000).toFixed(1).padStart(5)
  const said = tally.violations.length === 0 ? 'ok' : `${tally.violations.length} VIOLATIONS`
  return `${String(number).padStart(4)}  ${seconds} s  ${String(injected).padStart(2)} struck  ${String(tally.runs).padStart(2)} runs  ${said.padEnd(4)}  ${fault}`
}

/** What all trials came to, and the line that counts. */
export function summary(results: readonly TrialResult[], total: Tally): string {
  const faults = results.reduce((sum, { injected }) => sum + injected, 0)
  const ends = [...total.ends].toSorted(([a], [b]) => a.localeCompare(b)).map(([state, count]) => `${count} ${state}`)
  return [
    '',
    ...COUNTS.slice(1).map((name) => `${WORDS[name].padEnd(58)}${String(total[name]).padStart(6)}`),
    `runs by their end: ${ends.join(', ')}`,
    `trials whose fault met no run: ${results.filter(({ injected }) => injected === 0).length}`,
    ...total.violations.map((violation) => `VIOLATION  ${violation}`),
    '',
    `${results.length} trials, ${total.runs} runs, ${faults} faults, ${total.violations.length} violations`,
  ].join('\n')
}

const WORDS: Readonly<Record<(typeof COUNTS)[number], string>> = {
  runs: 'runs',
  refusedStarts: 'starts that nobody acknowledged',
  attempted: 'effects attempted',
  acknowledged: 'acknowledged: the run says that it happened',
  lost: 'lost: acknowledged, and in no system of record',
  unexpected: 'unexpected: happened without a warrant or a person’s word',
  duplicated: 'duplicated',
  recovered: 'recovered: acknowledged after more than one attempt',
  parked: 'parked, and settled by a person',
  unreadable: 'runs that closed and do not replay',
}
