import { z } from 'zod'
import { moneyFact, textFact } from '../../../src/contract/fact.ts'
import { usd } from '../../../src/contract/money.ts'
import { type Idempotency, readTool, thought, writeTool } from '../../../src/contract/tool.ts'

/** The ways in which money moves, by what keeps one from happening twice; all but the last are at the provider. */
export const VIAS = ['key', 'brief', 'probe', 'none', 'transaction'] as const
export type Via = (typeof VIAS)[number]

/** How long the provider remembers a key of `brief`: hardly longer than an attempt takes. It never forgets one of `key`. */
export const BRIEF_MS = 3_000

/** Attempts are short, so that what dies is found dead soon; there are enough of them to outlast an outage. */
export const ATTEMPT_MS = 2_000
const retry = { maximumAttempts: 12, initialIntervalMs: 100, maximumIntervalMs: 1_000, backoffCoefficient: 2 }
const account = z.string().regex(/^acc_\d{1,3}$/)
const common = {
  scopes: ['bank:use'],
  risk: 'low',
  startToCloseMs: ATTEMPT_MS,
  retry,
  nonRetryable: [],
  evidence: { kind: 'record', reference: (input: { account: string }) => `account/${input.account}` },
} as const

/** What stands on an account, in cents. `padding`: how many characters the answer has besides. */
export const balance = readTool({
  ...common,
  name: 'bank.balance',
  title: 'look at the account',
  input: z.strictObject({ account, padding: z.int().min(0) }),
  output: z.strictObject({ account, cents: z.int(), padding: z.string() }),
  local: false,
})

const transferOf = <const Name extends string>(name: Name, idempotency: Idempotency, keyWindowMs?: number) =>
  writeTool({
    ...common,
    name,
    title: name,
    /** Whole cents of US dollars. */
    input: z.strictObject({ account, cents: z.int().positive(), memo: z.string() }),
    output: z.strictObject({ operation: z.string(), account, cents: z.int() }),
    reversibility: 'reversible',
    idempotency,
    ...(keyWindowMs === undefined ? {} : { keyWindowMs }),
    needs: {},
    declares: { amount_usd: moneyFact('USD', 'request'), memo: textFact('request') },
    facts: ({ cents, memo }) => ({ amount_usd: usd(cents), memo }),
    supports: () => [],
    describe: (input) => `${name} ${input.cents} cents to ${input.account}`,
    undo: {
      does: 'reverse the operation',
      startToCloseMs: ATTEMPT_MS,
      retry: { ...retry, maximumAttempts: 20 },
    },
  })

export const WRITES = {
  /** The provider knows the idempotency key. */
  key: transferOf('bank.pay', 'key', 86_400_000),
  /** It forgets the key soon. */
  brief: transferOf('bank.charge', 'key', BRIEF_MS),
  /** It takes no key, and can be asked for a reference. */
  probe: transferOf('bank.wire', 'probe'),
  /** It takes no key, and tells nobody. */
  none: transferOf('bank.cheque', 'none'),
  /** A table in the ledger's own database. */
  transaction: transferOf('bank.book', 'transaction'),
} as const

/** Asks a model that costs money. */
export const advise = thought({
  name: 'bank.advise',
  version: 1,
  title: 'ask what to write',
  role: 'extract',
  input: z.strictObject({ text: z.string() }),
  output: z.strictObject({ text: z.string() }),
  instructions: 'say it again',
  prompt: ({ text }) => text,
  maxOutputTokens: 100,
  startToCloseMs: ATTEMPT_MS,
  retry,
})

/** What one call of the model costs, and what is set aside for it. */
export const CALL_MICRO_USD = 1_000
