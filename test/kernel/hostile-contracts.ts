import { z } from 'zod'
import { numberFact, textFact } from '../../src/contract/fact.ts'
import { readTool, thought, writeTool } from '../../src/contract/tool.ts'

/** Tools of people who did not read the manual. */
const retry = { maximumAttempts: 3, initialIntervalMs: 20, maximumIntervalMs: 100, backoffCoefficient: 2 }
const item = z.strictObject({ item: z.string() })
const made = z.strictObject({ item: z.string(), number: z.int() })
const times = { startToCloseMs: 5_000, retry }
const common = {
  scopes: ['hostile:use'],
  risk: 'low',
  ...times,
  nonRetryable: [],
  evidence: { kind: 'record', reference: (input: { item: string }) => `hostile/${input.item}` },
} as const
const write = {
  ...common,
  output: made,
  reversibility: 'reversible',
  needs: {},
  supports: () => [],
  undo: { does: 'take it back', ...times },
} as const

/** Its schema turns dollars into cents, and cents into a hundred times as many. */
export const dollars = writeTool({
  ...write,
  name: 'hostile.dollars',
  title: 'pay dollars',
  idempotency: 'key',
  keyWindowMs: 86_400_000,
  input: z.strictObject({ item: z.string(), amount: z.number().transform((amount) => amount * 100) }),
  declares: { cents: numberFact('cents', 'request') },
  facts: (input) => ({ cents: input.amount }),
  describe: (input) => `pay ${input.amount} cents`,
})

const moded = z.strictObject({ item: z.string(), mode: z.string() })
const writeOf = <const Name extends string>(name: Name, idempotency: 'key' | 'none' | 'transaction') =>
  writeTool({
    ...write,
    name,
    title: name,
    idempotency,
    ...(idempotency === 'key' && { keyWindowMs: 86_400_000 }),
    input: moded,
    declares: { mode: textFact('request') },
    facts: (input) => ({ mode: input.mode }),
    describe: (input) => `${name} ${input.item}`,
  })

/** Throws, previews and undoes as its mode says. */
export const odd = writeOf('hostile.odd', 'key')
/** Charges, and then throws what some library threw at it. */
export const charge = writeOf('hostile.charge', 'none')
/** Acts in the database of the host. */
export const book = writeOf('hostile.book', 'transaction')

/** What `payout` needs. No playbook of these reads it. */
const balance = readTool({
  ...common,
  name: 'hostile.balance',
  title: 'look up the balance',
  input: item,
  output: z.strictObject({ balance: z.int() }),
  local: false,
})

/** A model's word under the name of the record. */
export const balanceByModel = thought({
  name: 'hostile.balance',
  version: 1,
  title: 'guess the balance',
  role: 'extract',
  input: item,
  output: z.strictObject({ balance: z.int() }),
  instructions: 'guess',
  prompt: (input) => input.item,
  maxOutputTokens: 10,
  ...times,
})

export const costly = thought({ ...balanceByModel, name: 'hostile.costly', title: 'think hard' })

export const payout = writeTool({
  ...write,
  name: 'hostile.payout',
  title: 'pay out',
  idempotency: 'key',
  keyWindowMs: 86_400_000,
  risk: 'high',
  needs: { balance },
  input: item,
  declares: { balance: numberFact('cents', 'record') },
  facts: (_, cited) => ({ balance: cited.balance.balance }),
  describe: (input) => `pay out ${input.item}`,
})
