import type { Case } from './person.ts'
import type { Random } from './random.ts'
import type { Wish } from './runs.ts'
import type { Stage } from './stage.ts'

/** Where a fault strikes. */
export interface Scene {
  readonly stage: Stage
  readonly random: Random
  readonly cases: readonly Case[]
  /** Milliseconds since 1970. */
  readonly deadline: number
}

/** Something that goes wrong, and what it would like to meet. */
export interface Fault {
  readonly name: string
  readonly wish: Wish
  /** How many runs it meets; default: as many as the command line says. */
  readonly runs?: number
  /** Before any run starts. */
  arm?(scene: Scene): Promise<void>
  /**
   * While the runs are under way; `settled` resolves when none is any more. Heals what would keep them from ending,
   * and answers how many faults struck.
   */
  strike(scene: Scene, settled: Promise<unknown>): Promise<number>
  /** When every run has settled; answers how many more struck. */
  after?(scene: Scene): Promise<number>
}

/** Waits until something holds, or until no run is under way any more; answers whether it holds. */
export async function struckWithin(holds: () => boolean, settled: Promise<unknown>): Promise<boolean> {
  const over = settled.then(() => true)
  const pause = () => new Promise<false>((resolve) => setTimeout(() => resolve(false), 25))
  for (;;) {
    if (holds()) return true
    if (await Promise.race([over, pause()])) return holds()
  }
}
