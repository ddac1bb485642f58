import type { unlessStopped as real } from '../../src/worker/stops.ts'

export * from '../../src/worker/stops.ts'

/** Asks nobody. */
export const unlessStopped: typeof real = (how) => how
