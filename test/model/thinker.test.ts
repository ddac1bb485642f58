import { ApplicationFailure } from '@temporalio/common'
import { describe, expect, test, vi } from 'vitest'
import { readClaim } from '../../activities/model/contract.ts'
import { deterministicClaims } from '../../activities/model/index.ts'
import { type Failure, failureOf } from '../../src/contract/failures.ts'
import { usd } from '../../src/contract/money.ts'
import { thought } from '../../src/contract/tool.ts'
import type { ThinkLimits, Thinking } from '../../src/tools/implementation.ts'
import { type ModelConfig, type ModelsConfig, ModelsConfigError } from '../../src/tools/models/config.ts'
import { failureOfCall } from '../../src/tools/models/failures.ts'
import { createThinker } from '../../src/tools/models/thinker.ts'
import { completion, hangUp, hangUpInTheMiddle, saysNothing, scriptedEndpoint, status } from './endpoint-server.ts'

const KEY = 'sk-test-5551212'
const MESSAGE = 'The kettle arrived broken, please send me $20 back. PRIVATE-WORD'
const input = {
  message: MESSAGE,
  order: { id: 'ord_1042', refundable: usd(4500), lines: [{ title: 'Kettle', quantity: 1, price: usd(4500) }] },
}
const CLAIM = { category: 'damaged', reason: 'The kettle arrived broken', amount: { currency: 'USD', cents: 2000 } }

/** $0.15 and $0.60 for a million tokens. */
const PRICE = { inputMicroUsdPerMillion: 150_000, outputMicroUsdPerMillion: 600_000 }

const modelsAt = (endpoint: string, how: Partial<ModelConfig> = {}): ModelsConfig => ({
  source: 'models.yaml',
  roles: {
    extract: {
      endpoint,
      model: 'small-1',
      apiKeyEnv: 'MODEL_KEY',
      price: PRICE,
      temperature: 0,
      timeoutMs: 5000,
      ...how,
    },
  },
})

const unlimited = (): ThinkLimits => ({
  remainingMicroUsd: null,
  signal: new AbortController().signal,
  heartbeat: () => undefined,
})

const ask = (url: string, how: Partial<ModelConfig> = {}, limits: ThinkLimits = unlimited()): Promise<Thinking> =>
  createThinker({ models: modelsAt(url, how), deterministic: deterministicClaims, env: { MODEL_KEY: KEY } }).think(
    readClaim,
    input,
    limits,
  )

/** How a call failed; no failure may repeat the prompt, the key, or what the endpoint wrote. */
async function failed(call: Promise<unknown>): Promise<Failure & { readonly error: ApplicationFailure }> {
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

describe('an answer in the agreed form', () => {
  test('is handed over as the model gave it, with its tokens and their price in whole micro-dollars', async () => {
    await using endpoint = await scriptedEndpoint(completion(JSON.stringify(CLAIM)))
    // 1234 * 0.15 + 57 * 0.60 = 219.3 micro-dollars.
    expect(await ask(endpoint.url)).toEqual({
      output: CLAIM,
      model: 'small-1',
      inputTokens: 1234,
      outputTokens: 57,
      microUsd: 220,
    })
  })

  test('is asked for once, with the schema, the limits, and the message as quoted data', async () => {
    await using endpoint = await scriptedEndpoint(completion(JSON.stringify(CLAIM)))
    await ask(endpoint.url, { temperature: 0.5 })
    const [request] = endpoint.requests
    expect(request?.path).toBe('/v1/chat/completions')
    expect(request?.headers.authorization).toBe(`Bearer ${KEY}`)
    expect(request?.body).toMatchObject({
      model: 'small-1',
      temperature: 0.5,
      max_tokens: readClaim.maxOutputTokens,
      response_format: { type: 'json_schema', json_schema: { strict: true } },
      messages: [
        { role: 'system', content: readClaim.instructions },
        { role: 'user', content: readClaim.prompt(input) },
      ],
    })
    expect(request?.body.response_format.json_schema.schema).toMatchObject({
      type: 'object',
      required: ['category', 'reason', 'amount'],
      additionalProperties: false,
    })
  })

  test('carries no key when the endpoint takes none, whatever the environment holds', async () => {
    await using endpoint = await scriptedEndpoint(completion(JSON.stringify(CLAIM)))
    await ask(endpoint.url, { apiKeyEnv: null })
    expect(endpoint.requests[0]?.headers.authorization).toBeUndefined()
  })

  test.each([
    ['nothing', null],
    ['an empty object', {}],
    ['negative tokens', { prompt_tokens: -5, completion_tokens: 3 }],
    ['fractions', { prompt_tokens: 1.5, completion_tokens: 3 }],
  ])('is charged the worst case when the endpoint reports %s as usage', async (_, usage) => {
    await using endpoint = await scriptedEndpoint(completion(JSON.stringify(CLAIM), usage))
    const { outputTokens, inputTokens, microUsd } = await ask(endpoint.url)
    expect(outputTokens).toBe(readClaim.maxOutputTokens)
    expect(inputTokens).toBeGreaterThan(500)
    expect(microUsd).toBe(Math.ceil(inputTokens * 0.15 + outputTokens * 0.6))
  })

  test('is charged what it used, also when that is more than was allowed', async () => {
    const usage = { prompt_tokens: 100_000, completion_tokens: 100_000 }
    await using endpoint = await scriptedEndpoint(completion(JSON.stringify(CLAIM), usage))
    expect(await ask(endpoint.url)).toMatchObject({ outputTokens: 100_000, microUsd: 75_000 })
  })
})

/** What the call may cost at most, as the refusal tells it. */
const worst = async () => {
  const { details } = await failed(ask('http://127.0.0.1:9', {}, { ...unlimited(), remainingMicroUsd: 0 }))
  return Number(details['worstCaseMicroUsd'])
}

describe('the budget', () => {
  test('refuses a call that may cost one micro-dollar more than is left, and sends nothing', async () => {
    const remainingMicroUsd = (await worst()) - 1
    await using endpoint = await scriptedEndpoint()
    const { code, message, error } = await failed(ask(endpoint.url, {}, { ...unlimited(), remainingMicroUsd }))
    expect(code).toBe('model_budget_exceeded')
    expect(error.nonRetryable).toBe(true)
    expect(message).toContain('it was not made')
    expect(endpoint.requests).toHaveLength(0)
  })

  test('lets a call through that may cost exactly what is left', async () => {
    const remainingMicroUsd = await worst()
    await using endpoint = await scriptedEndpoint(completion(JSON.stringify(CLAIM)))
    expect(await ask(endpoint.url, {}, { ...unlimited(), remainingMicroUsd })).toMatchObject({ microUsd: 220 })
  })

  test('of nothing lets a model through that costs nothing', async () => {
    await using endpoint = await scriptedEndpoint(completion(JSON.stringify(CLAIM)))
    const free = { price: { inputMicroUsdPerMillion: 0, outputMicroUsdPerMillion: 0 } }
    expect(await ask(endpoint.url, free, { ...unlimited(), remainingMicroUsd: 0 })).toMatchObject({ microUsd: 0 })
  })
})

describe('an endpoint that says no', () => {
  test.each([408, 409, 429, 500, 502, 503, 529])('with %i is tried again', async (code) => {
    await using endpoint = await scriptedEndpoint(status(code))
    const failure = await failed(ask(endpoint.url))
    expect(failure).toMatchObject({
      code: 'model_unavailable',
      details: { role: 'extract', model: 'small-1', status: code, mayHaveCostMicroUsd: 0 },
    })
    expect(failure.error.nonRetryable).toBe(false)
    expect(failure.error.nextRetryDelay).toBeUndefined()
    expect(endpoint.requests).toHaveLength(1)
  })

  test.each([
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after-ms': '250', 'retry-after': '7' }, 250],
    [{ 'retry-after': '86400' }, 300_000],
    [{ 'retry-after': '0' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': 'Mon, 01 Jan 2024 00:00:00 GMT' }, undefined],
  ])('is left alone as long as it asks: %j', async (headers, delay) => {
    await using endpoint = await scriptedEndpoint(status(429, headers))
    const { code, error } = await failed(ask(endpoint.url))
    expect(code).toBe('model_unavailable')
    expect(error.nextRetryDelay).toBe(delay)
  })

  test('is left alone until the date that it names', async () => {
    const until = new Date(Date.now() + 60_000).toUTCString()
    await using endpoint = await scriptedEndpoint(status(503, { 'retry-after': until }))
    const { error } = await failed(ask(endpoint.url))
    expect(Number(error.nextRetryDelay)).toBeGreaterThan(50_000)
    expect(Number(error.nextRetryDelay)).toBeLessThanOrEqual(60_000)
  })

  test.each([400, 401, 403, 404, 413, 422])('with %i is not tried again', async (code) => {
    await using endpoint = await scriptedEndpoint(status(code, { 'retry-after': '1' }))
    const failure = await failed(ask(endpoint.url))
    expect(failure).toMatchObject({ code: 'model_rejected', details: { status: code } })
    expect(failure.error.nonRetryable).toBe(true)
  })

  test('by a redirect is not followed: the prompt and the key go where the configuration says', async () => {
    await using other = await scriptedEndpoint()
    await using endpoint = await scriptedEndpoint(status(307, { location: `${other.url}/chat/completions` }))
    expect(await failed(ask(endpoint.url))).toMatchObject({ code: 'model_rejected', details: { status: 307 } })
    expect(other.requests).toHaveLength(0)
  })
})

describe('an endpoint that falls silent', () => {
  test.each([
    ['hangs up', hangUp],
    ['hangs up in the middle of its answer', hangUpInTheMiddle],
  ])('and %s is tried again, and may have charged', async (_, script) => {
    await using endpoint = await scriptedEndpoint(script)
    const { code, details } = await failed(ask(endpoint.url))
    expect(code).toBe('model_unavailable')
    expect(details['mayHaveCostMicroUsd']).toBeGreaterThan(600)
  })

  test('past the timeout is tried again', async () => {
    await using endpoint = await scriptedEndpoint(saysNothing)
    const failure = await failed(ask(endpoint.url, { timeoutMs: 100 }))
    expect(failure.code).toBe('model_unavailable')
    expect(failure.message).toContain('did not answer within 100 ms')
    expect(failure.error.nonRetryable).toBe(false)
  })

  test('is given up shortly before Temporal gives the activity up', async () => {
    await using endpoint = await scriptedEndpoint(saysNothing)
    const thinker = createThinker({ models: modelsAt(endpoint.url), deterministic: {}, env: { MODEL_KEY: KEY } })
    const failure = await failed(thinker.think({ ...readClaim, startToCloseMs: 200 }, input, unlimited()))
    expect(failure.message).toContain('did not answer within 190 ms')
  })

  test('because nobody listens there is tried again', async () => {
    const endpoint = await scriptedEndpoint()
    await endpoint[Symbol.asyncDispose]()
    expect((await failed(ask(endpoint.url))).code).toBe('model_unavailable')
  })

  test('while the activity is cancelled throws the reason of the cancellation, and hangs up', async () => {
    const controller = new AbortController()
    const reason = new Error('the run was cancelled')
    const hungUp = Promise.withResolvers<undefined>()
    await using endpoint = await scriptedEndpoint((response) => {
      response.on('close', () => hungUp.resolve(undefined))
      controller.abort(reason)
    })
    await expect(ask(endpoint.url, {}, { ...unlimited(), signal: controller.signal })).rejects.toBe(reason)
    await hungUp.promise
  })

  test('is waited for with heartbeats', async () => {
    const heartbeat = vi.fn<() => void>()
    await using endpoint = await scriptedEndpoint((response) =>
      heartbeat.mockImplementation(() => {
        if (heartbeat.mock.calls.length === 2) completion(JSON.stringify(CLAIM))(response)
      }),
    )
    const thinker = createThinker({ models: modelsAt(endpoint.url), deterministic: {}, env: { MODEL_KEY: KEY } })
    await thinker.think({ ...readClaim, heartbeatMs: 40 }, input, { ...unlimited(), heartbeat })
    expect(heartbeat.mock.calls.length).toBeGreaterThanOrEqual(2)
  })
})

describe('an answer that is not in the agreed form', () => {
  const spent = { role: 'extract', model: 'small-1', inputTokens: 1234, outputTokens: 57, microUsd: 220 }

  test.each([
    ['prose', completion('I am sorry, PRIVATE-WORD'), 'did not answer with JSON'],
    ['half an object', completion('{"category":"damaged","reas', undefined, 'length'), 'did not answer with JSON'],
    ['an empty text', completion(''), 'did not answer with JSON'],
    ['no text', completion(null), 'did not answer with JSON'],
    ['an empty text, cut off', completion('', undefined, 'length'), 'did not answer with JSON'],
    ['a refusal', completion(null, undefined, 'stop', { refusal: 'I will not' }), 'did not answer with JSON'],
    [
      'an unknown category',
      completion(JSON.stringify({ ...CLAIM, category: 'PRIVATE-WORD' })),
      '`category` (invalid_value)',
    ],
    ['an unknown key', completion(JSON.stringify({ ...CLAIM, approved: true })), '`answer` (unrecognized_keys)'],
    ['a missing key', completion('{"category":"other","reason":"x"}'), '`amount` (invalid_'],
    ['a bare number as money', completion(JSON.stringify({ ...CLAIM, amount: 20 })), '`amount` (invalid_'],
    [
      'half a cent',
      completion(JSON.stringify({ ...CLAIM, amount: { currency: 'USD', cents: 0.5 } })),
      '`amount.cents`',
    ],
    [
      'a reason of 301 characters',
      completion(JSON.stringify({ ...CLAIM, reason: 'x'.repeat(301) })),
      '`reason` (too_big)',
    ],
    ['half a surrogate pair', completion('{"category":"other","reason":"\\ud83d","amount":null}'), '`reason` (custom)'],
    ['a list', completion(JSON.stringify([CLAIM])), '`answer` (invalid_type)'],
    ['a prototype', completion('{"__proto__":{"category":"other"}}'), 'did not answer with JSON'],
  ])('such as %s is final, and its price is not lost', async (_, script, said) => {
    await using endpoint = await scriptedEndpoint(script)
    const { code, message, details, error } = await failed(ask(endpoint.url))
    expect(code).toBe('model_output_invalid')
    expect(error.nonRetryable).toBe(true)
    expect(message).toContain(said)
    expect(details).toEqual(spent)
  })

  test.each([
    ['not JSON', status(200, { 'content-type': 'text/html' }, '<html>SECRET-ECHO</html>')],
    ['empty', status(200, {}, '')],
    ['JSON of another kind', status(200, {}, '{"hello":"SECRET-ECHO"}')],
    ['without a choice', status(200, {}, '{"choices":[]}')],
  ])('because the response is %s is charged the worst case', async (_, script) => {
    await using endpoint = await scriptedEndpoint(script)
    const { code, details } = await failed(ask(endpoint.url))
    expect(code).toBe('model_output_invalid')
    expect(details).toMatchObject({ model: 'small-1', outputTokens: readClaim.maxOutputTokens })
    expect(details['microUsd']).toBeGreaterThan(600)
  })
})

describe('a role without a model', () => {
  test('is answered by plain code, which costs nothing and is named so', async () => {
    const thinker = createThinker({ deterministic: deterministicClaims, env: {} })
    expect(await thinker.think(readClaim, input, { ...unlimited(), remainingMicroUsd: 0 })).toEqual({
      output: { category: 'damaged', reason: MESSAGE, amount: usd(2000) },
      model: 'deterministic',
      inputTokens: 0,
      outputTokens: 0,
      microUsd: 0,
    })
  })

  test('is answered by plain code when only other roles have one', async () => {
    await using endpoint = await scriptedEndpoint()
    const models = modelsAt(endpoint.url)
    const plan = { source: models.source, roles: { plan: { ...modelsAt(endpoint.url).roles.extract } as ModelConfig } }
    const thinker = createThinker({ models: plan, deterministic: deterministicClaims, env: { MODEL_KEY: KEY } })
    expect(await thinker.think(readClaim, input, unlimited())).toMatchObject({ model: 'deterministic' })
    expect(endpoint.requests).toHaveLength(0)
  })

  test.each(['refund.unknown', 'toString', '__proto__'])('and without code for `%s` is refused', async (name) => {
    const stranger = thought({ ...readClaim, name })
    const thinker = createThinker({ deterministic: deterministicClaims, env: {} })
    const { code, message } = await failed(thinker.think(stranger, input, unlimited()))
    expect(code).toBe('model_rejected')
    expect(message).toContain(`no plain code answers \`${name}\``)
  })
})

test('an error that is no answer of an endpoint is ours, and is told by its name alone', async () => {
  const call = { role: 'extract', model: 'small-1', worst: { inputTokens: 1, outputTokens: 1, microUsd: 9 } } as const
  const thrown = failureOfCall(new TypeError(`bad header ${KEY}`), call, 5000)
  expect(await failed(Promise.reject(thrown))).toMatchObject({
    code: 'platform_failed',
    message: 'the call of model `small-1` failed with `TypeError`',
    details: { microUsd: 9 },
  })
})

test('an input outside the contract is refused before anything is sent, without repeating it', async () => {
  await using endpoint = await scriptedEndpoint()
  const thinker = createThinker({ models: modelsAt(endpoint.url), deterministic: {}, env: { MODEL_KEY: KEY } })
  const wrong = { ...input, message: '', order: { ...input.order, id: { 'PRIVATE-WORD': KEY } } }
  const { code, message } = await failed(thinker.think(readClaim, wrong, unlimited()))
  expect(code).toBe('input_invalid')
  expect(message).toContain('`message` (too_small), `order.id` (invalid_type)')
  expect(endpoint.requests).toHaveLength(0)
})

test.each([{}, { MODEL_KEY: '' }, { MODEL_KEY: 'two words' }, { MODEL_KEY: 'line\nbreak' }])(
  'a key that the configuration names and the environment lacks stops the start: %j',
  (env) => {
    const start = () => createThinker({ models: modelsAt('http://127.0.0.1:9'), deterministic: {}, env })
    expect(start).toThrow(ModelsConfigError)
    expect(start).toThrow(
      'models.yaml: roles.extract.apiKeyEnv: the environment variable `MODEL_KEY` is not set to a key',
    )
  },
)
