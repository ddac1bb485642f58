import { z } from 'zod'
import { money, moneySchema } from '../../src/contract/money.ts'
import { readTool, thought } from '../../src/contract/tool.ts'

const retry = { maximumAttempts: 8, initialIntervalMs: 20, maximumIntervalMs: 50, backoffCoefficient: 1 }

/** What a thing is worth, as its name says: `…/500.00 USD`; `nothing`: the appraiser does not know. */
export const appraise = readTool({
  name: 'box.appraise',
  title: 'find out what it is worth',
  input: z.strictObject({ item: z.string() }),
  output: z.strictObject({ worth: moneySchema().nullable() }),
  scopes: ['box:use'],
  risk: 'low',
  local: true,
  startToCloseMs: 5_000,
  retry,
  nonRetryable: [],
  evidence: { kind: 'record', reference: ({ item }) => `worth/${item}` },
})

export function worthOf(item: string) {
  const [, amount, currency] = /\/(\d+)\.00 (USD|EUR)$/.exec(item) ?? []
  return { worth: amount === undefined ? null : money(currency as 'USD' | 'EUR', Number(amount) * 100) }
}

/** Asks a model, eight times when it does not answer. */
export const ponder = thought({
  name: 'box.ponder',
  title: 'ponder what is in the box',
  role: 'extract',
  input: z.strictObject({ item: z.string() }),
  output: z.strictObject({ text: z.string() }),
  version: 1,
  instructions: 'ponder',
  prompt: ({ item }) => `item<${item}>`,
  maxOutputTokens: 1000,
  startToCloseMs: 9_000,
  heartbeatMs: 1_000,
  retry,
})

/** The most that one call can cost, at $10 for a million tokens out and nothing for those in. */
export const WORST_MICRO_USD = 10_000
/** What an answer costs. */
export const ANSWER_MICRO_USD = 1_000
