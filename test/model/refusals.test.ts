import { describe, expect, test } from 'vitest'
import { readClaim } from '../../activities/model/contract.ts'
import type { ModelConfig } from '../../src/tools/models/config.ts'
import { failedBy } from '../../src/tools/models/failures.ts'
import { ask, failed, KEY, modelsAt, newTape } from './asking.ts'
import { DIALECTS, EVERY, SPENT } from './dialects.ts'
import { json, scriptedEndpoint, status } from './endpoint-server.ts'

const NOTHING = { inputTokens: 0, outputTokens: 0, microUsd: 0 }
const { compatible, openai } = DIALECTS

describe.each(EVERY)('an endpoint of $provider that says no', (dialect) => {
  test.each([409, 429, 500, 502, 503, 529])('with %i is tried again, and has cost nothing', async (code) => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(status(code))
    const failure = await failed(ask(dialect, endpoint.url, { tape }))
    expect(failure).toMatchObject({
      code: 'model_unavailable',
      details: { role: 'extract', model: dialect.model, status: code, ...NOTHING },
    })
    expect(failure.error.nonRetryable).toBe(false)
    expect(failure.error.nextRetryDelay).toBeUndefined()
    expect(tape.settled).toEqual([NOTHING])
    expect(endpoint.requests).toHaveLength(1)
  })

  test.each([408, 504])('with %i gave up waiting, and may have charged', async (code) => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(status(code))
    const { code: said, details } = await failed(ask(dialect, endpoint.url, { tape }))
    expect(said).toBe('model_unavailable')
    expect(details).toMatchObject({ status: code, ...tape.reserved[0] })
    expect(tape.settled).toEqual(tape.reserved)
  })

  test.each([400, 403, 404, 413, 422])('with %i is not tried again', async (code) => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(status(code, { 'retry-after': '1' }))
    const failure = await failed(ask(dialect, endpoint.url, { tape }))
    expect(failure).toMatchObject({ code: 'model_rejected', details: { status: code, ...NOTHING } })
    expect(failure.error.nonRetryable).toBe(true)
    expect(tape.settled).toEqual([NOTHING])
  })

  test('because of the key names the variable that holds it, and not the key', async () => {
    const body = '{"error":{"code":"invalid_api_key","message":"Incorrect API key provided: sk-test-5551212"}}'
    await using endpoint = await scriptedEndpoint(status(401, {}, body))
    const { code, message } = await failed(ask(dialect, endpoint.url))
    expect(code).toBe('model_rejected')
    expect(message).toBe(
      `the endpoint of model \`${dialect.model}\` (role \`extract\`) answered with status 401 (invalid_api_key): check the key in \`MODEL_KEY\``,
    )
  })

  test('by a redirect is not followed: the prompt and the key go where the configuration says', async () => {
    await using other = await scriptedEndpoint()
    await using endpoint = await scriptedEndpoint(status(307, { location: `${other.url}/elsewhere` }))
    const { code, message, details } = await failed(ask(dialect, endpoint.url))
    expect(code).toBe('model_rejected')
    expect(message).toContain('redirects are not followed')
    expect(details).toMatchObject({ status: 307, ...NOTHING })
    expect(other.requests).toHaveLength(0)
  })

  test.each([
    ['not JSON', status(200, { 'content-type': 'text/html' }, '<html>SECRET-ECHO</html>')],
    ['empty', status(200, {}, '')],
    ['JSON of another kind', json({ hello: 'SECRET-ECHO' })],
    ['a list', json([])],
  ])('with 200 and %s is charged the worst case, and not asked again', async (_, script) => {
    const tape = newTape()
    await using endpoint = await scriptedEndpoint(script)
    const { code, message, details } = await failed(ask(dialect, endpoint.url, { tape }))
    expect(code).toBe('model_output_invalid')
    expect(message).toContain(`something that is not of the provider \`${dialect.provider}\``)
    expect(details).toMatchObject({ outputTokens: readClaim.maxOutputTokens, ...tape.reserved[0] })
    expect(tape.settled).toEqual(tape.reserved)
  })
})

test.each([
  [{ 'retry-after': '7' }, 7000],
  [{ 'retry-after-ms': '250', 'retry-after': '7' }, 250],
  [{ 'retry-after': '86400' }, 300_000],
  [{ 'retry-after': '0' }, undefined],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': 'Mon, 01 Jan 2024 00:00:00 GMT' }, undefined],
])('an endpoint is left alone as long as it asks: %j', async (headers, delay) => {
  await using endpoint = await scriptedEndpoint(status(429, headers))
  const { code, error } = await failed(ask(compatible, endpoint.url))
  expect(code).toBe('model_unavailable')
  expect(error.nextRetryDelay).toBe(delay)
})

test('an endpoint is left alone until the date that it names', async () => {
  const until = new Date(Date.now() + 60_000).toUTCString()
  await using endpoint = await scriptedEndpoint(status(503, { 'retry-after': until }))
  const { error } = await failed(ask(compatible, endpoint.url))
  expect(Number(error.nextRetryDelay)).toBeGreaterThan(50_000)
  expect(Number(error.nextRetryDelay)).toBeLessThanOrEqual(60_000)
})

test.each([
  ['{"error":{"type":"invalid_request_error","message":"SECRET-ECHO"}}', ' (invalid_request_error)'],
  ['{"error":{"code":"SECRET-ECHO","type":"x"}}', ''],
  ['{"error":{"code":"sk-test-5551212"}}', ''],
  ['{"error":"SECRET-ECHO"}', ''],
  [`{"error":{"code":"a","pad":"${'x'.repeat(20_000)}"}}`, ''],
  ['null', ''],
])('of a refusal only the code of its error is told: %s', async (body, said) => {
  await using endpoint = await scriptedEndpoint(status(400, {}, body))
  const { message } = await failed(ask(compatible, endpoint.url))
  expect(message).toBe(`the endpoint of model \`small-1\` (role \`extract\`) answered with status 400${said}`)
})

test('an endpoint that wants a key and is given none is told apart from one with a wrong key', async () => {
  await using endpoint = await scriptedEndpoint(status(401))
  const { message } = await failed(ask(compatible, endpoint.url, { how: { apiKeyEnv: null } }))
  expect(message).toContain('it wants a key; name its variable in `apiKeyEnv`')
})

test('an error of before anything was sent is ours, costs nothing, and is told by its name alone', () => {
  const config = modelsAt(compatible, 'http://127.0.0.1:9').roles.extract as ModelConfig
  const call = { error: new TypeError(`bad header ${KEY}`), config, worst: SPENT, timedOutAfterMs: null }
  expect(failedBy({ kind: 'unsent' }, call)).toEqual({
    code: 'platform_failed',
    what: 'could not be asked: `TypeError`',
    used: NOTHING,
  })
})

test.each([
  ['server_error', 'model_unavailable', false],
  ['invalid_prompt', 'model_output_invalid', true],
])('an error within a 200 is what it says: %s', async (reason, code, final) => {
  const tape = newTape()
  const error = { code: reason, type: 'error', message: 'SECRET-ECHO' }
  await using endpoint = await scriptedEndpoint(json({ id: 'resp_1', status: 'failed', error, output: [] }))
  const failure = await failed(ask(openai, endpoint.url, { tape }))
  expect(failure.code).toBe(code)
  expect(failure.message).toContain(`answered with the error ${reason}`)
  expect(failure.error.nonRetryable).toBe(final)
  expect(tape.settled).toEqual(tape.reserved)
})
