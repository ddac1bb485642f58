import { z } from 'zod'
import { textFact } from '../../src/contract/fact.ts'
import { readTool, thought, writeTool } from '../../src/contract/tool.ts'
import { playbook } from '../../workflows/kernel/index.ts'

/** A system that does not answer, and little time for it; what does answer has time, on a busy machine too. */
const retry = { maximumAttempts: 2, initialIntervalMs: 20, maximumIntervalMs: 100, backoffCoefficient: 2 }
const times = { startToCloseMs: 300, retry }
const item = z.strictObject({ item: z.string() })
const common = {
  ...times,
  scopes: ['late:use'],
  risk: 'low',
  nonRetryable: [],
  input: item,
  output: item,
  evidence: { kind: 'record', reference: (input: { item: string }) => `late/${input.item}` },
} as const

export const wait = readTool({ ...common, name: 'late.wait', title: 'wait for it', local: false })

export const keep = writeTool({
  ...common,
  startToCloseMs: 10_000,
  name: 'late.keep',
  title: 'keep it',
  reversibility: 'reversible',
  idempotency: 'key',
  keyWindowMs: 86_400_000,
  needs: {},
  declares: { item: textFact('request') },
  facts: (input) => ({ item: input.item }),
  supports: () => [],
  describe: (input) => `keep ${input.item}`,
  undo: { does: 'let it go', startToCloseMs: 2_000, retry },
})

const ponder = thought({
  ...times,
  name: 'late.ponder',
  version: 1,
  title: 'ponder',
  role: 'extract',
  input: item,
  output: item,
  instructions: 'ponder',
  prompt: (input) => input.item,
  maxOutputTokens: 10,
})

export const late = playbook(
  {
    name: 'late',
    title: 'Late',
    request: z.strictObject({ item: z.string(), asks: z.enum(['tool', 'model']) }),
    tools: [wait, keep],
    thoughts: [ponder],
  },
  async (run, { item: what, asks }) => {
    await run.act(keep, { item: what }, { because: [] })
    await (asks === 'tool' ? run.read(wait, { item: what }) : run.think(ponder, { item: what }))
  },
)
