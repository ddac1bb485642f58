import { ApplicationFailure } from '@temporalio/common'
import { expect } from 'vitest'
import { readClaim } from '../../activities/model/contract.ts'
import type { Usage } from '../../src/contract/calls.ts'
import { fail, type Failure, failureOf } from '../../src/contract/failures.ts'
import { usd } from '../../src/contract/money.ts'
import type { Thought } from '../../src/contract/tool.ts'
import type { Meter, Thinking, ThinkLimits } from '../../src/tools/implementation.ts'
import type { ModelConfig, ModelsConfig } from '../../src/tools/models/config.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import type { Dialect } from './dialects.ts'

export const KEY = 'sk-test-5551212'
export const MESSAGE = 'The kettle arrived broken, please send me $20 back. PRIVATE-WORD'
export const INPUT = {
  message: MESSAGE,
  order: { id: 'ord_1042', refundable: usd(4500), lines: [{ title: 'Kettle', quantity: 1, price: usd(4500) }] },
}
export const CLAIM = {
  category: 'damaged',
  reason: 'The kettle arrived broken',
  asksFor: 'amount',
  amount: { currency: 'USD', cents: 2000 },
}

/** $0.15 and $0.60 for a million tokens. */
const PRICE = { inputMicroUsdPerMillion: 150_000, outputMicroUsdPerMillion: 600_000 }

/** A configuration that asks one endpoint for what `readClaim` wants. */
export const modelsAt = (
  { provider, model }: Pick<Dialect, 'provider' | 'model'>,
  endpoint: string,
  how: Partial<ModelConfig> = {},
): ModelsConfig => ({
  source: 'models.yaml',
  roles: {
    extract: {
      provider,
      endpoint,
      model,
      apiKeyEnv: 'MODEL_KEY',
      price: PRICE,
      temperature: null,
      timeoutMs: 5000,
      ...how,
    },
  },
})

/** A meter that writes down what it is told, and refuses the reservations after the first so many. */
export function newTape(affordable = Infinity) {
  const reserved: Usage[] = []
  const settled: Usage[] = []
  const meter: Meter = {
    reserve: async (worst, what) => {
      if (reserved.length >= affordable) throw fail('model_budget_exceeded', `${what} is too dear`, { left: 1 })
      reserved.push(worst)
      return {
        settle: async (used) => {
          settled.push(used)
        },
      }
    },
  }
  return { meter, reserved, settled }
}

export type Tape = ReturnType<typeof newTape>

export interface Asking {
  readonly how?: Partial<ModelConfig>
  readonly thought?: Thought
  readonly input?: unknown
  readonly limits?: Partial<ThinkLimits>
  readonly tape?: Tape
}

/** Asks an endpoint; whatever comes of it, each call that was let through was settled once. */
export async function ask(dialect: Dialect, url: string, asking: Asking = {}): Promise<Thinking> {
  const { how, thought = readClaim, input = INPUT, limits, tape = newTape() } = asking
  const thinker = createThinker({ models: modelsAt(dialect, url, how), deterministic: {}, env: { MODEL_KEY: KEY } })
  try {
    return await thinker.think(thought, input, {
      meter: tape.meter,
      signal: new AbortController().signal,
      heartbeat: () => undefined,
      ...limits,
    })
  } finally {
    expect(tape.settled).toHaveLength(tape.reserved.length)
  }
}

export interface FailedAsk extends Failure {
  readonly error: ApplicationFailure
}

/** How a call failed; no failure may repeat the prompt, the key, or what the endpoint wrote. */
export async function failed(call: Promise<unknown>): Promise<FailedAsk> {
  const error: unknown = await call.then(
    () => expect.fail('the call succeeded'),
    (thrown: unknown) => thrown,
  )
  const failure = failureOf(error)
  if (!(error instanceof ApplicationFailure) || failure === undefined) throw error
  const said = JSON.stringify([error.message, error.stack, error.details, error.cause])
  for (const secret of [KEY, 'PRIVATE-WORD', 'SECRET-ECHO']) expect(said).not.toContain(secret)
  return { ...failure, error }
}
