import type { Thinker } from '../../../src/tools/implementation.ts'
import { advise, CALL_MICRO_USD } from './contracts.ts'

/** A model that costs money for the thought of the suite, and plain code for all others. */
export const modelAt = (provider: string, plain: Thinker): Thinker => ({
  isPlain: (thought) => thought.name !== advise.name,
  async think(thought, input, limits) {
    if (thought.name !== advise.name) return await plain.think(thought, input, limits)
    const used = { inputTokens: 10, outputTokens: 10, microUsd: CALL_MICRO_USD }
    const reservation = await limits.meter.reserve(used, 'the model of the suite')
    const response = await fetch(`${provider}/thoughts/model`, { method: 'POST', signal: limits.signal })
    const output: unknown = await response.json()
    await reservation.settle(used)
    return { ...used, output, model: 'suite', prompt: null }
  },
})
