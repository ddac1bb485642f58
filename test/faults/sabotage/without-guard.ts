import type { checkWarrant as original } from '../../../src/worker/guard.ts'

export * from '../../../src/worker/guard.ts'

/** Believes every warrant. */
export const checkWarrant: typeof original = async () => {}
