import type { Fault } from '../fault.ts'
import type { Noise } from '../runs.ts'

const noisy = (name: string, noise: Noise, runs: number): Fault => ({
  name,
  wish: { noise, asked: true, held: true },
  runs,
  async strike(_scene, settled) {
    await settled
    return 1
  },
})

/** Signals are delivered as often as they are sent; updates with one id once. */
export const messageFaults: readonly Fault[] = [
  noisy('decisions and undos come three times', 'duplicates', 8),
  noisy('messages come before anything waits for them', 'early', 8),
  noisy('a flood of decisions', 'flood', 4),
]
