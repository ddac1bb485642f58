import { type Kysely, sql } from 'kysely'
import { sampleTools } from '../../../activities/index.ts'
import { fail } from '../../../src/contract/failures.ts'
import { implement, type ToolCall, type ToolImplementation, type WriteCall } from '../../../src/tools/implementation.ts'
import { ATTEMPT_MS, balance, type Via, WRITES } from './contracts.ts'

interface Outcome {
  readonly operation: string
  readonly account: string
  readonly cents: number
}

/** A little less than the attempt may take, so that the tool itself says that nobody answered. */
const ANSWER_WITHIN_MS = ATTEMPT_MS - 300

/** One call of the provider; whatever keeps an answer from us is `tool_unavailable`. */
async function ask<T>(provider: string, path: string, call: ToolCall, body?: object): Promise<T> {
  let response: Response
  let text: string
  try {
    response = await call.fetch(`${provider}${path}`, {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    text = await response.text()
  } catch (error) {
    throw fail('tool_unavailable', `the provider did not answer: ${String(error)}`)
  }
  if (response.ok) return JSON.parse(text) as T
  if (response.status === 409) throw fail('precondition_failed', `the provider refused: ${text}`)
  if (response.status === 422) throw fail('tool_failed', `the provider refused: ${text}`)
  throw fail('tool_unavailable', `the provider answered ${response.status}: ${text}`)
}

const nothing = { changes: [], expect: {} }

/** Transfers at the provider, by key, by reference or blindly. */
function atProvider(provider: string, via: Exclude<Via, 'transaction'>): ToolImplementation {
  const order = (input: { account: string; cents: number }, call: WriteCall) => ({
    via,
    account: input.account,
    cents: input.cents,
    runKey: call.runKey,
    step: call.step,
    key: via === 'key' || via === 'brief' ? call.idempotencyKey : null,
    reference: via === 'probe' ? call.idempotencyKey : null,
  })
  return implement(WRITES[via], {
    preview: async ({ account, cents }) => ({
      changes: [{ record: `account/${account}`, field: 'cents', from: 'as it is', to: `${cents} more` }],
      expect: {},
    }),
    execute: async (input, call) => await ask<Outcome>(provider, '/operations', call, order(input, call)),
    undo: async (_input, { operation }, call) =>
      (await ask<{ done: string }>(provider, `/reversals/${operation}`, call, {})).done,
    ...(via === 'probe' && {
      probe: async (_input: unknown, call: ToolCall) =>
        (await ask<{ found: Outcome | null }>(provider, `/operations?reference=${call.idempotencyKey}`, call)).found,
    }),
  })
}

/** Transfers into a table of the ledger's own database, where nothing but the ledger keeps one from happening twice. */
const inDatabase = implement(WRITES.transaction, {
  preview: async () => nothing,
  async execute({ account, cents }, call) {
    const { rows } = await sql<{ id: string }>`
      INSERT INTO faults.entries (run_key, step, account, cents)
      VALUES (${call.runKey}, ${call.step}, ${account}, ${cents}) RETURNING id`.execute(call.db)
    return { operation: String(rows[0]?.id), account, cents }
  },
  async undo(_input, { operation }, call) {
    await sql`UPDATE faults.entries SET reversals = reversals + 1 WHERE id = ${operation}`.execute(call.db)
    return `reversed ${operation}`
  },
})

/** The tools of the suite, and those that `refund_request` needs. `provider`: its URL. */
export const toolsAt = (provider: string): readonly ToolImplementation[] => [
  implement(balance, {
    execute: async ({ account, padding }, call) => await ask(provider, `/accounts/${account}?padding=${padding}`, call),
  }),
  atProvider(provider, 'key'),
  atProvider(provider, 'brief'),
  atProvider(provider, 'probe'),
  atProvider(provider, 'none'),
  inDatabase,
  ...sampleTools,
]

/** The table of the transfers that are in the ledger's own database. */
export const migrateEntries = (db: Kysely<unknown>) =>
  sql`
    CREATE SCHEMA IF NOT EXISTS faults;
    CREATE TABLE IF NOT EXISTS faults.entries (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      run_key text NOT NULL,
      step text NOT NULL,
      account text NOT NULL,
      cents integer NOT NULL,
      reversals integer NOT NULL DEFAULT 0
    )`.execute(db)
