import type { claim as realClaim, complete as realComplete } from '../../src/ledger/effects.ts'

export * from '../../src/ledger/effects.ts'

/** Lets every attempt be the first, and writes nothing. */
export const claim: typeof realClaim = async () => ({ fence: 1 })
export const complete: typeof realComplete = async () => true
