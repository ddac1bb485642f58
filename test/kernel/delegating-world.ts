import { join } from 'node:path'
import type { RunHandle } from '../../src/client/index.ts'
import type { Proposal, ProposalInput } from '../../src/contract/proposal.ts'
import type { Thinker } from '../../src/tools/implementation.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { newItem, useBoxes } from './box-world.ts'

export const DELEGATING_WORKFLOWS = join(import.meta.dirname, 'delegating-playbooks.ts')

/** What the scripted model answers; `give` is the input before it becomes text. Default: it is done. */
export type Proposed = Partial<Proposal> & { readonly give?: unknown }

export const DONE: Proposed = { tool: null, summary: 'all done' }

/** A world of boxes that are handed over to a model. Each item has a script of its own. */
export function useDelegations() {
  /** What the model of an item proposes, one after the other, and the last one for ever. */
  const scripts = new Map<string, readonly Proposed[]>()
  /** What it was shown before each answer. */
  const shown = new Map<string, ProposalInput[]>()

  function answer(input: ProposalInput): Proposal {
    const { item } = input.seen as { readonly item: string }
    const seen = shown.get(item) ?? []
    shown.set(item, [...seen, input])
    const script = scripts.get(item) ?? []
    const {
      tool = null,
      give = {},
      input: text = JSON.stringify(give),
      summary = 'so be it',
    } = script[Math.min(seen.length, script.length - 1)] ?? {}
    return { tool, input: text, summary }
  }

  const thinker: Thinker = {
    think: async (_, input) => ({
      output: answer(input as ProposalInput),
      model: 'scripted-1',
      prompt: null,
      inputTokens: 0,
      outputTokens: 0,
      microUsd: 0,
    }),
  }
  const kit = useBoxes({
    workflows: DELEGATING_WORKFLOWS,
    policies: join(import.meta.dirname, 'delegating-policies'),
    thinker,
  })
  return {
    ...kit,
    scripts,
    shown,
    work: async (
      script: readonly Proposed[],
      request: { maxSteps?: number; catches?: boolean } = {},
      item = newItem(),
    ) => {
      scripts.set(item, script)
      return { item, run: await kit.start('works', { item, ...request }) }
    },
    stepsOf: async (run: RunHandle) => activitiesIn(await eventsOf(kit.world().temporal, run)),
  }
}
