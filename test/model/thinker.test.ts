import { describe, expect, test } from 'vitest'
import { readClaim } from '../../activities/model/contract.ts'
import { sampleThoughts } from '../../activities/index.ts'
import { usd } from '../../src/contract/money.ts'
import { thought } from '../../src/contract/tool.ts'
import type { ModelConfig } from '../../src/tools/models/config.ts'
import { ModelsConfigError } from '../../src/tools/models/config.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { ask, failed, INPUT, KEY, MESSAGE, modelsAt, newTape } from './asking.ts'
import { DIALECTS, EVERY } from './dialects.ts'
import { scriptedEndpoint } from './endpoint-server.ts'

const { compatible } = DIALECTS
const limitsOf = (tape = newTape()) => ({
  meter: tape.meter,
  signal: new AbortController().signal,
  heartbeat: () => undefined,
})

describe('a role without a model', () => {
  test('is answered by plain code, which costs nothing, asks no meter and is named so', async () => {
    const thinker = createThinker({ deterministic: sampleThoughts, env: {} })
    const tape = newTape(0)
    expect(await thinker.think(readClaim, INPUT, limitsOf(tape))).toEqual({
      output: { category: 'damaged', reason: MESSAGE, asksFor: 'amount', amount: usd(2000) },
      model: 'deterministic',
      prompt: null,
      inputTokens: 0,
      outputTokens: 0,
      microUsd: 0,
    })
    expect(tape.reserved).toEqual([])
  })

  test('is answered by plain code when only other roles have one', async () => {
    await using endpoint = await scriptedEndpoint()
    const { source, roles } = modelsAt(compatible, endpoint.url)
    const models = { source, roles: { plan: { ...roles.extract } as ModelConfig } }
    const thinker = createThinker({ models, deterministic: sampleThoughts, env: { MODEL_KEY: KEY } })
    expect(await thinker.think(readClaim, INPUT, limitsOf())).toMatchObject({ model: 'deterministic' })
    expect(endpoint.requests).toHaveLength(0)
  })

  test.each(['refund.unknown', 'toString', '__proto__'])('and without code for `%s` is refused', async (name) => {
    const stranger = thought({ ...readClaim, name })
    const thinker = createThinker({ deterministic: sampleThoughts, env: {} })
    const { code, message } = await failed(thinker.think(stranger, INPUT, limitsOf()))
    expect(code).toBe('model_rejected')
    expect(message).toContain(`no plain code answers \`${name}\``)
  })
})

test.each(EVERY)('a meter that refuses keeps $provider from being asked', async (dialect) => {
  await using endpoint = await scriptedEndpoint()
  const { code, error } = await failed(ask(dialect, endpoint.url, { tape: newTape(0) }))
  expect(code).toBe('model_budget_exceeded')
  expect(error.nonRetryable).toBe(true)
  expect(endpoint.requests).toHaveLength(0)
})

test('an input outside the contract is refused before anything is sent, without repeating it', async () => {
  const tape = newTape()
  await using endpoint = await scriptedEndpoint()
  const wrong = { ...INPUT, message: '', order: { ...INPUT.order, id: { 'PRIVATE-WORD': KEY } } }
  const { code, message } = await failed(ask(compatible, endpoint.url, { input: wrong, tape }))
  expect(code).toBe('input_invalid')
  expect(message).toContain('`message` (too_small), `order.id` (invalid_type)')
  expect(tape.reserved).toEqual([])
  expect(endpoint.requests).toHaveLength(0)
})

test.each([{}, { MODEL_KEY: '' }, { MODEL_KEY: 'two words' }, { MODEL_KEY: 'line\nbreak' }])(
  'a key that the configuration names and the environment lacks stops the start: %j',
  (env) => {
    const start = () => createThinker({ models: modelsAt(compatible, 'http://127.0.0.1:9'), deterministic: {}, env })
    expect(start).toThrow(ModelsConfigError)
    expect(start).toThrow(
      'models.yaml: roles.extract.apiKeyEnv: the environment variable `MODEL_KEY` is not set to a key',
    )
  },
)
