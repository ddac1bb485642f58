import type { FailureCode } from '../../contract/failures.ts'
import { type Endpoint, send, worstCase } from './call.ts'
import type { ModelRole } from './config.ts'

/** What a probe sends: nothing of a run, and the same to every model. */
const QUESTION = {
  instructions: 'This is a test of the connection. Answer with {"ok":true} and nothing else.',
  prompt: 'Answer now.',
  schema: {
    type: 'object',
    properties: { ok: { type: 'boolean' } },
    required: ['ok'],
    additionalProperties: false,
  },
  repaired: null,
}

/** The least that every provider takes; a model that thinks first is cut off, which is an answer, too. */
const MAX_OUTPUT_TOKENS = 16

/** What asking a model came to. */
export interface Probed {
  readonly roles: readonly ModelRole[]
  readonly model: string
  readonly endpoint: string
  /** `null`: it took the key and answered. */
  readonly problem: { readonly code: FailureCode; readonly what: string } | null
  readonly microUsd: number
}

/** Asks each model once, with one short call of at most 16 tokens; roles that share one share its call. */
export async function probeModels(endpoints: Iterable<Endpoint>): Promise<readonly Probed[]> {
  const shared = Map.groupBy(endpoints, ({ config: { provider, endpoint, model, apiKeyEnv } }) =>
    JSON.stringify([provider, endpoint, model, apiKeyEnv]),
  )
  return await Promise.all([...shared.values()].map((same) => probe(same)))
}

async function probe(same: readonly Endpoint[]): Promise<Probed> {
  const [first] = same
  if (first === undefined) throw new RangeError('there is no endpoint to probe')
  const { config } = first
  const sent = await send(first, QUESTION, {
    maxOutputTokens: MAX_OUTPUT_TOKENS,
    timeoutMs: config.timeoutMs,
    signal: new AbortController().signal,
    worst: worstCase(first, QUESTION, MAX_OUTPUT_TOKENS),
  })
  return {
    roles: same.map(({ role }) => role),
    model: config.model,
    endpoint: config.endpoint,
    problem: 'code' in sent ? { code: sent.code, what: sent.what } : null,
    microUsd: sent.used.microUsd,
  }
}
