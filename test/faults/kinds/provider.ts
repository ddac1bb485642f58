import { type Fault, struckWithin } from '../fault.ts'
import type { Script } from '../provider.ts'
import { ATTEMPT_MS, type Via, VIAS } from '../project/contracts.ts'
import type { Wish } from '../runs.ts'

const scripted = (name: string, wish: Wish, ...scripts: readonly Script[]): Fault => ({
  name,
  wish,
  async arm({ stage }) {
    for (const script of scripts) stage.provider.script(script)
  },
  async strike({ stage }, settled) {
    const before = stage.provider.played
    await struckWithin(() => false, settled)
    return stage.provider.played - before
  },
})

const AT_PROVIDER: readonly Via[] = VIAS.filter((via) => via !== 'transaction')
const LATE_MS = ATTEMPT_MS + 500

const unclear = (via: Via): readonly Fault[] => [
  scripted(`the answer is lost (${via})`, { vias: [via] }, { turn: 'lost', verb: 'do', times: 3 }),
  scripted(
    `the answer is an error although it was done (${via})`,
    { vias: [via] },
    { turn: 'error', verb: 'do', times: 3 },
  ),
  scripted(`the answer comes too late (${via})`, { vias: [via] }, { turn: 'late', verb: 'do', times: 3, ms: LATE_MS }),
]

export const providerFaults: readonly Fault[] = [
  ...AT_PROVIDER.flatMap(unclear),
  scripted('the provider is busy', { vias: AT_PROVIDER }, { turn: 'refuse', verb: 'do', times: 10 }),
  scripted('the provider is slow', { vias: AT_PROVIDER }, { turn: 'slow', verb: 'do', times: 4, ms: LATE_MS }),
  scripted(
    'the look-up does not answer, nor did the order',
    { vias: ['probe'] },
    { turn: 'lost', verb: 'do', times: 3 },
    { turn: 'lost', verb: 'find', times: 3 },
  ),
  scripted(
    'the answer to a reversal is lost',
    { vias: AT_PROVIDER, finally: 'throw' },
    { turn: 'lost', verb: 'reverse', times: 4 },
  ),
  scripted(
    'the provider is busy when it is to reverse',
    { vias: AT_PROVIDER, held: true },
    { turn: 'refuse', verb: 'reverse', times: 6 },
  ),
]
