import { Counter, Gauge, Registry } from 'prom-client'
import type { SweptRun } from '../audit/sealing/partition.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import type { SweepName } from '../ledger/sweep-marks.ts'
import { type SweepStanding, sweepStanding } from '../ledger/sweep-standing.ts'

/** How long a look at the ledger is good for: scrapes cannot load the database. */
const LEDGER_MS = 15_000

/** The metrics of a sweeper; `docs/operating.md` lists them. */
export interface SweeperMetrics {
  readonly swept: (came: SweptRun) => void
  readonly text: () => Promise<string>
}

export function sweeperMetrics(db: LedgerDatabase, name: SweepName): SweeperMetrics {
  const register = new Registry()
  const registers = [register]
  const runs = new Counter({
    name: 'countersign_sweep_runs_total',
    help: 'Runs that this process swept, by what came of it.',
    labelNames: ['came'],
    registers,
  })
  let nextAt = 0
  let last: Promise<SweepStanding | undefined> = Promise.resolve(undefined)
  const looked = (): Promise<SweepStanding | undefined> => {
    if (performance.now() < nextAt) return last
    nextAt = performance.now() + LEDGER_MS
    last = sweepStanding(db, name).catch(() => undefined)
    return last
  }
  const gauge = (what: string, help: string, of: (standing: SweepStanding) => number): Gauge =>
    new Gauge({
      name: `countersign_sweep_${what}`,
      help,
      registers,
      async collect() {
        const standing = await looked()
        // A number that nobody could look up is no number: it is left out.
        if (standing === undefined) this.remove()
        else this.set(of(standing))
      },
    })
  gauge(
    'oldest_unsealed_seconds',
    'How long the oldest run has been closed that is not sealed; 0: none.',
    ({ missing }) => (missing[0] === undefined ? 0 : Math.max(0, (Date.now() - missing[0].since.getTime()) / 1_000)),
  )
  gauge('altered_runs', 'Runs of which Temporal tells otherwise than was sealed.', ({ runs: { altered } }) => altered)
  gauge('copies_missing', 'Leaves of the log that the blob store has not.', ({ copies }) => copies?.missing ?? 0)
  gauge('log_leaves', 'Seals in the log.', ({ log }) => log.size)
  const states = new Gauge({
    name: 'countersign_sweep_runs',
    help: 'Runs that the sweep knows, by how they stand.',
    labelNames: ['state'],
    registers,
    async collect() {
      const standing = await looked()
      this.reset()
      for (const [state, count] of Object.entries(standing?.runs ?? {})) this.set({ state }, count)
    },
  })
  void states
  return { swept: (came) => runs.inc({ came }), text: () => register.metrics() }
}
